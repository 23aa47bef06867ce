-- The queue. Sequences are contiguous from meta.through + 1 on. type: number of tillwire/event.h.
-- dead: rejected; no longer sent, but kept until acknowledged because the hash chain runs through it.
CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    type INTEGER NOT NULL,
    subject TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    recorded_ms INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (id),
    clock INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT
