-- What came of the version that is being received; becomes `member` when a snapshot is whole.
CREATE TABLE staged (
    key BLOB PRIMARY KEY,
    scheme TEXT NOT NULL,
    tier TEXT NOT NULL,
    points INTEGER
) STRICT, WITHOUT ROWID
