SELECT key, value FROM seals ORDER BY key
