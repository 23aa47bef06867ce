SELECT time_ms FROM outbox WHERE sequence > ?1 AND dead = 0 ORDER BY sequence LIMIT 1
