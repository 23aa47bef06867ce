INSERT OR IGNORE INTO staged_page (page) VALUES (?1)
