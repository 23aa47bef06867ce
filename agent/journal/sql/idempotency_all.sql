SELECT number, key FROM idempotency ORDER BY number
