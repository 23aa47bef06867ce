INSERT INTO dead_letters (epoch, sequence, n, life, type, time_ms, key, sealed, reason, at_ms)
SELECT ?2, ?3, n, life, type, time_ms, key, sealed, ?4, ?5 FROM events WHERE n = ?1
