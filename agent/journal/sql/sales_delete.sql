DELETE FROM sales WHERE key = ?1
