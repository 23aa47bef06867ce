-- Queued events, and below what is acknowledged the sales that are remembered (P3). n: the place, never used twice;
-- sequence = n - base of the life it was written in. type: number of tillwire/event.h. state: 0 live, 1 rejected.
-- key: ID of the key that sealed. sealed: all the rest (agent/journal/record.h).
CREATE TABLE events (
    n INTEGER PRIMARY KEY,
    life INTEGER NOT NULL,
    type INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    state INTEGER NOT NULL,
    key INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT
