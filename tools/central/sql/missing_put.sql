INSERT INTO missing (epoch, first, last, head) VALUES (?1, ?2, ?3, ?4)
