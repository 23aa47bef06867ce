INSERT OR REPLACE INTO idempotency (number, key, body, id, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5)
