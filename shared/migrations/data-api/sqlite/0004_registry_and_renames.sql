-- removed_us: since when Home Assistant's complete list no longer names it; null: it is there.
ALTER TABLE devices ADD COLUMN hw_version TEXT;
ALTER TABLE devices ADD COLUMN removed_us INTEGER;

-- Home Assistant's own id of an entry. It stays when the entity gets another entity_id; null: never in a complete list.
ALTER TABLE entities ADD COLUMN registry_id TEXT;
ALTER TABLE entities ADD COLUMN hidden_by TEXT;
ALTER TABLE entities ADD COLUMN removed_us INTEGER;
CREATE INDEX entities_by_registry_id ON entities (registry_id);

ALTER TABLE areas ADD COLUMN icon TEXT;
ALTER TABLE areas ADD COLUMN picture TEXT;
ALTER TABLE areas ADD COLUMN aliases TEXT NOT NULL DEFAULT '[]';
ALTER TABLE areas ADD COLUMN labels TEXT NOT NULL DEFAULT '[]';
ALTER TABLE areas ADD COLUMN temperature_entity_id TEXT;
ALTER TABLE areas ADD COLUMN humidity_entity_id TEXT;
ALTER TABLE areas ADD COLUMN removed_us INTEGER;

CREATE TABLE floors (
    floor_id      TEXT PRIMARY KEY,
    name          TEXT,
    level         INTEGER,
    icon          TEXT,
    aliases       TEXT NOT NULL DEFAULT '[]',
    last_seen_us  INTEGER NOT NULL,
    removed_us    INTEGER
) STRICT;

CREATE TABLE labels (
    label_id      TEXT PRIMARY KEY,
    name          TEXT,
    color         TEXT,
    icon          TEXT,
    description   TEXT,
    last_seen_us  INTEGER NOT NULL,
    removed_us    INTEGER
) STRICT;

-- Every time that an entity got another entity_id. Its events stay in one line: event_entities has the name of now, these are
-- the names of before.
CREATE TABLE renames (
    old_entity_id TEXT NOT NULL,
    new_entity_id TEXT NOT NULL,
    -- when Home Assistant did it
    at_us         INTEGER NOT NULL,
    -- events that say the old name belong to `entity` up to this instant, inclusive; the largest integer: for ever
    until_us      INTEGER NOT NULL,
    entity        INTEGER NOT NULL REFERENCES event_entities (id),
    recorded_us   INTEGER NOT NULL,
    PRIMARY KEY (old_entity_id, at_us)
) STRICT, WITHOUT ROWID;
CREATE INDEX renames_by_entity ON renames (entity);
