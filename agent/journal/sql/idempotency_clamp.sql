-- What was remembered while the clock ran ahead, or was lost (before ?4), is as old as now (?3).
UPDATE idempotency SET seen_ms = ?3 WHERE key > ?1 AND key <= ?2 AND (seen_ms > ?3 OR seen_ms < ?4)
