DELETE FROM sales WHERE n > ?1 AND n <= ?2 AND seen_ms < ?3
