-- What is published to the stores. `version` is that of the store's last change to the row.
CREATE TABLE member (
    store TEXT NOT NULL,
    pseudonym TEXT NOT NULL,
    scheme TEXT NOT NULL,
    tier TEXT,
    points INTEGER,
    gone INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (store, pseudonym)
) STRICT, WITHOUT ROWID
