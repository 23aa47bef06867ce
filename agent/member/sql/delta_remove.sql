DELETE FROM member WHERE key IN (SELECT key FROM staged_gone) RETURNING 1
