SELECT epoch FROM dead_letters WHERE epoch > ?1 ORDER BY epoch LIMIT 1
