INSERT OR REPLACE INTO tap (device, boot, position, state) VALUES (?1, ?2, ?3, ?4)
