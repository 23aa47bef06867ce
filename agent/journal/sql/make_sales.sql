-- Transaction keys and the row that stands for each.
CREATE TABLE sales (
    key TEXT PRIMARY KEY,
    n INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
