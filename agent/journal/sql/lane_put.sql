INSERT OR REPLACE INTO lane (workstation, state) VALUES (?1, ?2)
