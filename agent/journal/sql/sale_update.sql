UPDATE sales SET id = ?2, data = ?3 WHERE key = ?1
