-- The keys that sealed something here, with their check values.
CREATE TABLE seals (
    key INTEGER PRIMARY KEY,
    value BLOB NOT NULL
) STRICT
