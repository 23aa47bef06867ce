-- The oldest remembered row that still has its content.
SELECT n FROM events WHERE n > ?1 AND n <= ?2 AND length(sealed) > ?3 ORDER BY n LIMIT 1
