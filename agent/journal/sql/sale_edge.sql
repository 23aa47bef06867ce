-- The row at which a slice of at most ?2 rows after ?1 ends.
SELECT max(n) FROM (SELECT n FROM sales WHERE n > ?1 ORDER BY n LIMIT ?2)
