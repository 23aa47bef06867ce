INSERT INTO epoch (terminal, epoch, through, seen, head, duplicates, ahead, broken)
VALUES (?1, ?2, 0, 0, ?3, 0, 0, 0) RETURNING id
