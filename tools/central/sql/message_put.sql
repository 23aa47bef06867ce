INSERT INTO message (epoch, sequence, terminal, status, id, type, time, reason, payload)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
