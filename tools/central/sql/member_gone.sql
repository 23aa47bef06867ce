UPDATE member SET gone = 1, version = ?2
WHERE store = ?1 AND gone = 0
    AND NOT EXISTS (SELECT 1 FROM temp.listed WHERE listed.store = ?1 AND listed.pseudonym = member.pseudonym)
RETURNING 1
