-- What to delete of the stored events, every night; see crates/data-api/src/retention.rs.
CREATE TABLE storage_rules (
    id              INTEGER PRIMARY KEY,
    -- of these three at least one
    entity_id       TEXT,
    domain          TEXT,
    device_class    TEXT,
    -- of these three exactly one
    keep_days       INTEGER,
    thin_seconds    INTEGER,
    exclude         INTEGER NOT NULL,
    -- with thin_seconds
    older_than_days INTEGER,
    created_us      INTEGER NOT NULL
) STRICT;
