-- Small values that change often, sealed under their names: meta, tap:DEVICE, lane:WORKSTATION (agent/journal/marks.h).
CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID
