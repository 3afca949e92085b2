-- Keys besides the main one. Of the key itself only its SHA-256 is kept.
CREATE TABLE api_keys (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    name               TEXT NOT NULL,
    hash               BLOB NOT NULL UNIQUE,
    -- words with a blank between them: read ingest admin
    scopes             TEXT NOT NULL,
    rate_limit_per_min INTEGER,
    created_us         INTEGER NOT NULL,
    expires_us         INTEGER,
    last_used_us       INTEGER,
    revoked_us         INTEGER
) STRICT;
-- A name can be given again once its key is revoked.
CREATE UNIQUE INDEX api_keys_by_name ON api_keys (name) WHERE revoked_us IS NULL;
