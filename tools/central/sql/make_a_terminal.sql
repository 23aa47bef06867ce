-- A terminal that ever sent something: "/TENANT/STORE/TERMINAL".
CREATE TABLE terminal (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL UNIQUE
) STRICT
