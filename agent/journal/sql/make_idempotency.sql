-- Idempotency-Keys: the first half of the SHA-256 of each and of the body it came with, and the id it was answered with.
CREATE TABLE idempotency (
    key BLOB PRIMARY KEY,
    body BLOB NOT NULL,
    id BLOB NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
