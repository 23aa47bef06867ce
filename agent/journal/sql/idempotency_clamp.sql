UPDATE idempotency SET seen_ms = ?3 WHERE key > ?1 AND key <= ?2 AND seen_ms > ?3
