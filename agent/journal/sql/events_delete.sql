DELETE FROM events WHERE n = ?1
