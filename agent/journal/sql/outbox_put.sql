INSERT INTO outbox (sequence, id, type, subject, time_ms, recorded_ms, monotonic_ms, boot, clock, dead, data)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10)
