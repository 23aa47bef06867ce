-- A row comes back only where something changed.
INSERT INTO member (store, pseudonym, scheme, tier, points, gone, version) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)
ON CONFLICT (store, pseudonym) DO UPDATE
SET scheme = excluded.scheme, tier = excluded.tier, points = excluded.points, gone = 0, version = excluded.version
WHERE gone = 1 OR scheme <> excluded.scheme OR tier IS NOT excluded.tier OR points IS NOT excluded.points
RETURNING 1
