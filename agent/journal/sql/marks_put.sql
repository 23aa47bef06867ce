INSERT OR REPLACE INTO marks (name, value) VALUES (?1, ?2)
