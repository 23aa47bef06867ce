INSERT OR REPLACE INTO idempotency (key, body, id, seen_ms) VALUES (?1, ?2, ?3, ?4)
