DELETE FROM unreadable WHERE id <= ?1
