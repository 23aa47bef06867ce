-- The members of the version held. key: two bytes of key version, then the 32 bytes of the pseudonym.
CREATE TABLE member (
    key BLOB PRIMARY KEY,
    scheme TEXT NOT NULL,
    tier TEXT NOT NULL,
    points INTEGER
) STRICT, WITHOUT ROWID
