SELECT name, value FROM marks WHERE name > ?1 ORDER BY name LIMIT 1
