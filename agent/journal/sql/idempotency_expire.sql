-- Older than ?3, but for what was remembered while the clock was lost (before ?4).
DELETE FROM idempotency WHERE key > ?1 AND key <= ?2 AND seen_ms < ?3 AND seen_ms >= ?4
