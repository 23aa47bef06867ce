DELETE FROM outbox WHERE dead = 1
