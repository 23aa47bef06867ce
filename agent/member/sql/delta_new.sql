SELECT count(*) FROM staged WHERE key NOT IN (SELECT key FROM member)
