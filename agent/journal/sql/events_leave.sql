-- What is acknowledged leaves, but for sales (numbers below 10), which are remembered.
DELETE FROM events WHERE n > ?1 AND n <= ?2 AND type >= 10
