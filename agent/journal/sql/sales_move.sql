UPDATE sales SET n = ?3 WHERE key = ?1 AND n = ?2
