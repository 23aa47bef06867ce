SELECT count(*), coalesce(min(key), 0) FROM seals
