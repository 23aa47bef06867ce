INSERT OR REPLACE INTO seals (key, value) VALUES (?1, ?2)
