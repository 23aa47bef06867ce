SELECT sequence, reason FROM
  (SELECT sequence, reason FROM message WHERE epoch = ?1 AND sequence > ?2 AND status = 2 ORDER BY sequence DESC LIMIT ?3)
ORDER BY sequence
