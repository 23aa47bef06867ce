-- The key at which a slice of at most ?2 rows after ?1 ends.
SELECT max(key) FROM (SELECT key FROM idempotency WHERE key > ?1 ORDER BY key LIMIT ?2)
