INSERT INTO state VALUES (1, 0, 0, 0, 0, 0, 0)
