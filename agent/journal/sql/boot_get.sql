SELECT id FROM boots WHERE boot = ?1
