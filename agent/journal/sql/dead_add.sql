INSERT INTO dead_letters (epoch, sequence, n, life, type, time_ms, key, sealed, reason, at_ms)
VALUES (?1, ?2, 0, 0, ?3, ?4, ?5, ?6, ?7, ?8)
