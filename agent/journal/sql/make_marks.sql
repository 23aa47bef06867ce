-- Small values that change often, sealed under their names: meta, lived, tap:DEVICE, lane:WORKSTATION, source:EPOCH (agent/journal/marks.h).
CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID
