DELETE FROM idempotency WHERE number < ?1
