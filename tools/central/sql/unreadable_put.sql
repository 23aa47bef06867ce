INSERT INTO unreadable (source, reason, payload) VALUES (?1, ?2, ?3) RETURNING id
