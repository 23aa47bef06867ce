-- Bytes of the rows between two places, both included, that are live; and how many are not.
SELECT coalesce(sum(CASE state WHEN 0 THEN length(sealed) ELSE 0 END), 0), coalesce(sum(state), 0)
FROM events WHERE n BETWEEN ?1 AND ?2
