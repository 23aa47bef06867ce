INSERT INTO lives (epoch, base) VALUES (?1, ?2) RETURNING life
