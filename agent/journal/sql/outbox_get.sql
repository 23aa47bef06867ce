SELECT type, dead, length(data) FROM outbox WHERE sequence = ?1
