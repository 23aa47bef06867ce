SELECT epoch, source, through, head, last_id, counted_to, counted_bytes FROM meta WHERE one = 1
