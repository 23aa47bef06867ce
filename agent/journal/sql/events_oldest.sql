SELECT time_ms FROM events WHERE n > ?1 AND state = 0 ORDER BY n LIMIT 1
