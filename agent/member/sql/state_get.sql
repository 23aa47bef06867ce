SELECT version, members, as_of_ms, staged_version, staged_base, staged_pages FROM state
