INSERT OR REPLACE INTO member (key, scheme, tier, points) SELECT key, scheme, tier, points FROM staged
