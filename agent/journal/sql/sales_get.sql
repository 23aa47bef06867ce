SELECT n, seen_ms FROM sales WHERE key = ?1
