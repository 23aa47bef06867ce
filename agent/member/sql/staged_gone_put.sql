INSERT OR IGNORE INTO staged_gone (key) VALUES (?1)
