-- Boot ids, so that a row names its boot in a byte or two.
CREATE TABLE boots (
    id INTEGER PRIMARY KEY,
    boot TEXT NOT NULL UNIQUE
) STRICT
