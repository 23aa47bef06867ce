-- What the centre refused: the row as it was, with the reason.
CREATE TABLE dead_letters (
    n INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    type INTEGER NOT NULL,
    subject TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    recorded_ms INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (id),
    clock INTEGER NOT NULL,
    data BLOB NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT
