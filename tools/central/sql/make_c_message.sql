-- Every settled sequence number with the payload as it came. status: 0 applied, 1 a repeat of an
-- event that was applied in an earlier epoch, 2 rejected (`reason`).
CREATE TABLE message (
    epoch INTEGER NOT NULL REFERENCES epoch (id),
    sequence INTEGER NOT NULL,
    terminal INTEGER NOT NULL REFERENCES terminal (id),
    status INTEGER NOT NULL,
    id TEXT,
    type TEXT,
    time TEXT,
    reason TEXT,
    payload BLOB NOT NULL,
    PRIMARY KEY (epoch, sequence)
) STRICT
