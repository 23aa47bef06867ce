INSERT OR REPLACE INTO events (n, life, type, time_ms, state, key, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
