-- Bytes of data between two sequences, both included, that are not dead; and how many are.
SELECT coalesce(sum(CASE dead WHEN 0 THEN length(data) ELSE 0 END), 0), coalesce(sum(dead), 0)
FROM outbox WHERE sequence BETWEEN ?1 AND ?2
