-- Transaction keys: the event last written for the key, and its data for comparison with later witnesses.
CREATE TABLE sales (
    n INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    id BLOB NOT NULL,
    seen_ms INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT
