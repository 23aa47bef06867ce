UPDATE outbox SET dead = 1 WHERE sequence = ?1
