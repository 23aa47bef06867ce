UPDATE state SET version = ?1, members = ?2, as_of_ms = ?3, staged_version = ?4, staged_base = ?5, staged_pages = ?6
