-- Idempotency-Keys, in the order they came: the first half of the SHA-256 of each and of the body it came with, and
-- the id it was answered with. The numbers have no gaps. No index: agent/journal/requests.h; seen_ms: lived.h.
CREATE TABLE idempotency (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    body BLOB NOT NULL,
    id BLOB NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT
