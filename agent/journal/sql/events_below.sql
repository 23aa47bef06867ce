-- The nearest row below ?1 that is above ?2.
SELECT n, state, type FROM events WHERE n < ?1 AND n > ?2 ORDER BY n DESC LIMIT 1
