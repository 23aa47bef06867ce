SELECT n FROM events WHERE n > ?1 AND state = 0 AND (type = 32 OR type BETWEEN 50 AND 69) ORDER BY type, n LIMIT 1
