SELECT key, body, id FROM idempotency WHERE number = ?1
