SELECT o.sequence, o.id, o.type, o.subject, o.time_ms, o.recorded_ms, o.monotonic_ms, b.boot, o.clock, o.dead, o.data
FROM outbox AS o JOIN boots AS b ON b.id = o.boot
WHERE o.sequence >= ?1
ORDER BY o.sequence
