-- How far each tap's bytes are accounted for, and the printer's state there.
CREATE TABLE tap (
    device TEXT PRIMARY KEY,
    boot BLOB NOT NULL,
    position INTEGER NOT NULL,
    state BLOB NOT NULL
) STRICT, WITHOUT ROWID
