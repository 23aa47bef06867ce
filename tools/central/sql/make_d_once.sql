-- The key to be idempotent by (P3).
CREATE UNIQUE INDEX once ON message (terminal, id) WHERE status = 0
