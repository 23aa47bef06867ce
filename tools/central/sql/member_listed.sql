INSERT OR IGNORE INTO temp.listed (store, pseudonym) VALUES (?1, ?2)
