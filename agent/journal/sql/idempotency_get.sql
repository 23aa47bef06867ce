SELECT body, id FROM idempotency WHERE key = ?1
