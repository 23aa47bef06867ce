SELECT sequence, reason FROM (
    SELECT sequence, reason FROM message WHERE epoch = ?1 AND status = 2 ORDER BY sequence DESC LIMIT 100
) ORDER BY sequence
