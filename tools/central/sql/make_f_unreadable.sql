-- Messages that not even name their epoch and sequence; the newest few, to be looked at.
CREATE TABLE unreadable (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT
