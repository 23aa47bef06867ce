SELECT scheme, tier, points IS NOT NULL, points FROM member WHERE key = ?1
