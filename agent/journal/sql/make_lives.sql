-- The epochs of this file, and the place before the first row of each.
CREATE TABLE lives (
    life INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL,
    base INTEGER NOT NULL
) STRICT
