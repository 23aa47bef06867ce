-- One row: whose journal this is, which life of it, and where the acknowledged part ends.
-- head: SHA-256 of the published form of event `through` (32 zero bytes before the first).
-- last_id: the newest event id when this row was written; ids never step back behind it.
-- counted_to, counted_bytes: size of what was queued up to that sequence, so that opening need not add it all up.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    source TEXT NOT NULL,
    through INTEGER NOT NULL,
    head BLOB NOT NULL,
    last_id BLOB NOT NULL,
    counted_to INTEGER NOT NULL,
    counted_bytes INTEGER NOT NULL
) STRICT
