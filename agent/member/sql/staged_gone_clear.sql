DELETE FROM staged_gone
