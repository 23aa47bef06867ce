INSERT INTO sales (key, id, seen_ms, data) VALUES (?1, ?2, ?3, ?4)
