SELECT pseudonym, scheme, tier, points, gone FROM member WHERE store = ?1 AND gone = 0 ORDER BY pseudonym
