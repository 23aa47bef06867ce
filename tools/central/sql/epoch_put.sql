UPDATE epoch SET through = ?2, seen = ?3, head = ?4, duplicates = ?5, ahead = ?6, broken = ?7 WHERE id = ?1
