SELECT boot FROM boots WHERE id = ?1
