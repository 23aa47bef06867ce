SELECT n, life, type, time_ms, state, key, sealed FROM events WHERE n = ?1
