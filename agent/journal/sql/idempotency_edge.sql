-- The first before number ?1 that stays: seen after ?2. One seen after ?3, which is yet to come, is damaged and goes.
SELECT number FROM idempotency WHERE number < ?1 AND seen_ms > ?2 AND seen_ms <= ?3 ORDER BY number LIMIT 1
