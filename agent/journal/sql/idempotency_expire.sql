DELETE FROM idempotency WHERE key > ?1 AND key <= ?2 AND seen_ms < ?3
