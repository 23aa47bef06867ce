-- All dead letters, and those whose row still stands in the queue.
SELECT count(*), coalesce(sum(epoch = ?1 AND sequence > ?2), 0) FROM dead_letters
