INSERT INTO dead_letters
    (epoch, sequence, id, type, subject, time_ms, recorded_ms, monotonic_ms, boot, clock, data, reason, at_ms)
SELECT ?1, sequence, id, type, subject, time_ms, recorded_ms, monotonic_ms, boot, clock, data, ?3, ?4
FROM outbox WHERE sequence = ?2
