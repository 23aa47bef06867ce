SELECT pseudonym, scheme, tier, points, gone FROM member WHERE store = ?1 AND version > ?2 ORDER BY pseudonym
