INSERT OR REPLACE INTO sales (key, n, seen_ms) VALUES (?1, ?2, ?3)
