INSERT OR REPLACE INTO meta (one, epoch, source, through, head, last_id, counted_to, counted_bytes)
VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)
