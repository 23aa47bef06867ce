DELETE FROM outbox WHERE sequence <= ?1
