-- What was remembered while the clock ran ahead is as old as now.
UPDATE sales SET seen_ms = ?3 WHERE n > ?1 AND n <= ?2 AND seen_ms > ?3
