SELECT id, data FROM sales WHERE key = ?1
