-- Transaction keys and the row that stands for each. seen_ms: in the journal's own time (agent/journal/lived.h).
CREATE TABLE sales (
    key TEXT PRIMARY KEY,
    n INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
