SELECT count(*) FROM member
