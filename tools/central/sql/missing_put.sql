INSERT INTO missing (epoch, first, last, head) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (epoch, first) DO UPDATE SET last = excluded.last, head = excluded.head
