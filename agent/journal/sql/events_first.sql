SELECT coalesce(min(n), 1) FROM events
