-- Every instant is an integer: microseconds since 1970-01-01T00:00:00Z, in columns that end in _us.

-- Entities that have events. Device and area are what was reported for them last.
CREATE TABLE event_entities (
    id            INTEGER PRIMARY KEY,
    entity_id     TEXT NOT NULL UNIQUE,
    domain        TEXT NOT NULL,
    device_id     TEXT,
    area_id       TEXT,
    -- security, climate, lighting, appliance, monitoring, general
    category      TEXT NOT NULL
) STRICT;

-- Each distinct state once.
CREATE TABLE event_states (
    id            INTEGER PRIMARY KEY,
    state         TEXT NOT NULL UNIQUE
) STRICT;

-- Each distinct attribute set once, as it was sent. hash: the first 16 bytes of its SHA-256.
CREATE TABLE event_attributes (
    id            INTEGER PRIMARY KEY,
    hash          BLOB NOT NULL UNIQUE,
    attributes    TEXT NOT NULL
) STRICT;

CREATE TABLE event_users (
    id            INTEGER PRIMARY KEY,
    user_id       TEXT NOT NULL UNIQUE
) STRICT;

-- One row a state change. Its identity is (entity, last_updated_us); the history of an entity is one range of this table.
CREATE TABLE events (
    entity            INTEGER NOT NULL REFERENCES event_entities (id),
    last_updated_us   INTEGER NOT NULL,
    -- null: the same as last_updated_us
    last_changed_us   INTEGER,
    -- null: the entity was removed
    state             INTEGER REFERENCES event_states (id),
    attributes        INTEGER REFERENCES event_attributes (id),
    -- 16 bytes for a ULID; see crates/data-api/src/store/context_key.rs
    context_id        BLOB,
    context_parent_id BLOB,
    context_user      INTEGER REFERENCES event_users (id),
    -- bits 0 and 1: origin (0 live, 1 backfill, 2 import); bit 2: written while Home Assistant was starting
    flags             INTEGER NOT NULL,
    PRIMARY KEY (entity, last_updated_us)
) STRICT, WITHOUT ROWID;

-- Newest first over all entities.
CREATE INDEX events_by_time ON events (last_updated_us);

-- One row: how many events are stored.
CREATE TABLE event_totals (
    stored        INTEGER NOT NULL
) STRICT;
INSERT INTO event_totals (stored) VALUES (0);

CREATE TABLE devices (
    device_id         TEXT PRIMARY KEY,
    name              TEXT NOT NULL,
    name_by_user      TEXT,
    manufacturer      TEXT,
    model             TEXT,
    model_id          TEXT,
    sw_version        TEXT,
    area_id           TEXT,
    integration       TEXT,
    entry_type        TEXT,
    configuration_url TEXT,
    suggested_area    TEXT,
    labels            TEXT NOT NULL DEFAULT '[]',
    serial_number     TEXT,
    config_entry_id   TEXT,
    via_device        TEXT,
    parent_device_id  TEXT,
    disabled_by       TEXT,
    last_seen_us      INTEGER NOT NULL,
    created_us        INTEGER NOT NULL
) STRICT;

CREATE TABLE entities (
    entity_id           TEXT PRIMARY KEY,
    domain              TEXT NOT NULL,
    device_id           TEXT,
    platform            TEXT,
    unique_id           TEXT,
    area_id             TEXT,
    disabled            INTEGER NOT NULL DEFAULT 0,
    entity_category     TEXT,
    name                TEXT,
    name_by_user        TEXT,
    original_name       TEXT,
    friendly_name       TEXT,
    supported_features  INTEGER,
    capabilities        TEXT,
    icon                TEXT,
    original_icon       TEXT,
    device_class        TEXT,
    unit_of_measurement TEXT,
    aliases             TEXT NOT NULL DEFAULT '[]',
    labels              TEXT NOT NULL DEFAULT '[]',
    options             TEXT,
    config_entry_id     TEXT,
    last_seen_us        INTEGER NOT NULL,
    created_us          INTEGER NOT NULL
) STRICT;
CREATE INDEX entities_by_device ON entities (device_id);

CREATE TABLE areas (
    area_id       TEXT PRIMARY KEY,
    name          TEXT,
    floor_id      TEXT,
    last_seen_us  INTEGER NOT NULL
) STRICT;

CREATE TABLE services (
    domain          TEXT NOT NULL,
    service_name    TEXT NOT NULL,
    name            TEXT,
    description     TEXT,
    fields          TEXT,
    target          TEXT,
    response        TEXT,
    last_updated_us INTEGER NOT NULL,
    PRIMARY KEY (domain, service_name)
) STRICT, WITHOUT ROWID;
