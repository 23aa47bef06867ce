INSERT OR REPLACE INTO staged (key, scheme, tier, points) VALUES (?1, ?2, ?3, ?4)
