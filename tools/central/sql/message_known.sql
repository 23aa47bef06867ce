SELECT 1 FROM message WHERE terminal = ?1 AND id = ?2 AND status = 0
