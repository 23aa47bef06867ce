-- ?1: the key that seals now.
DELETE FROM seals WHERE key <> ?1 AND NOT EXISTS (SELECT 1 FROM events WHERE events.key = seals.key)
AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE dead_letters.key = seals.key)
