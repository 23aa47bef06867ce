SELECT version FROM member_version WHERE store = ?1
