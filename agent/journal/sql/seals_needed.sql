-- Whether something is sealed with key ?1; ?2: how a mark that is begins.
SELECT EXISTS (SELECT 1 FROM marks WHERE substr(value, 1, 2) = ?2) OR EXISTS (SELECT 1 FROM events WHERE key = ?1)
OR EXISTS (SELECT 1 FROM dead_letters WHERE key = ?1)
