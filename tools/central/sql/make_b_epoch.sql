-- One life of a terminal's journal. All up to `through` is settled (applied, a repeat or rejected);
-- `head` is the SHA-256 of the payload at `through`; `seen` is the highest sequence that ever came.
CREATE TABLE epoch (
    id INTEGER PRIMARY KEY,
    terminal INTEGER NOT NULL REFERENCES terminal (id),
    epoch TEXT NOT NULL,
    through INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    head BLOB NOT NULL,
    duplicates INTEGER NOT NULL,
    ahead INTEGER NOT NULL,
    broken INTEGER NOT NULL,
    UNIQUE (terminal, epoch)
) STRICT
