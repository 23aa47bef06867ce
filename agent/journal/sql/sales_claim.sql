-- Writes nothing when the key is known.
INSERT INTO sales (key, n, seen_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
