SELECT sequence, id FROM outbox ORDER BY sequence DESC LIMIT 1
