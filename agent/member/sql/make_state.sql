-- One row: the version held and when the centre last spoke of it; the version being received (0: none).
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    members INTEGER NOT NULL,
    as_of_ms INTEGER NOT NULL,
    staged_version INTEGER NOT NULL,
    staged_base INTEGER NOT NULL,
    staged_pages INTEGER NOT NULL
) STRICT
