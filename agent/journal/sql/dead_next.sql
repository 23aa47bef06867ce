SELECT number, epoch, sequence, n, life, type, time_ms, key, sealed, reason, at_ms
FROM dead_letters WHERE number >= ?1 ORDER BY number LIMIT 1
