INSERT INTO terminal (source) VALUES (?1) ON CONFLICT (source) DO UPDATE SET source = excluded.source RETURNING id
