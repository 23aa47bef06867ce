UPDATE sales SET n = ?2 WHERE key = ?1
