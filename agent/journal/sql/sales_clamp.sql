-- What was remembered while the clock ran ahead, or was lost, is as old as now.
UPDATE sales SET seen_ms = ?2 WHERE key = ?1
