UPDATE outbox SET sequence = ?2 WHERE sequence = ?1
