-- Sequence numbers this centre will never see: the terminal had removed them on the word of an earlier
-- life of this database. `head` is the SHA-256 of the payload at `last`, as the terminal told it.
CREATE TABLE missing (
    epoch INTEGER NOT NULL REFERENCES epoch (id),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    head BLOB NOT NULL,
    PRIMARY KEY (epoch, first)
) STRICT, WITHOUT ROWID
