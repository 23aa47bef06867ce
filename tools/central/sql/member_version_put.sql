INSERT INTO member_version (store, version) VALUES (?1, ?2)
ON CONFLICT (store) DO UPDATE SET version = excluded.version
