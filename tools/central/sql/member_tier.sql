SELECT tier FROM member WHERE store = ?1 AND pseudonym = ?2 AND gone = 0
