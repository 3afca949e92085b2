-- Events in about two thirds of the bytes; docs/adr/0008 says how it was measured and what was rejected.

CREATE TABLE compact_events (
    entity          INTEGER NOT NULL REFERENCES event_entities (id),
    last_updated_us INTEGER NOT NULL,
    -- last_updated_us minus last_changed_us: 0 where the state became another one
    unchanged_us    INTEGER NOT NULL,
    -- integer: id in event_states. text: the state itself, where it begins with a digit, or with a sign and a digit. null: removed
    state           ANY,
    attributes      INTEGER REFERENCES event_attributes (id),
    -- 10 bytes: a ULID of the millisecond of last_updated_us, without its first 6 bytes; other forms: crates/data-api/src/store/context_key.rs
    context         BLOB,
    context_parent  BLOB,
    -- bits 0 and 1: origin (0 live, 1 backfill, 2 import); bit 2: written while Home Assistant was starting; from bit 3 on: id in
    -- event_users, 0: nobody
    flags           INTEGER NOT NULL,
    PRIMARY KEY (entity, last_updated_us)
) STRICT, WITHOUT ROWID;

INSERT INTO compact_events
SELECT e.entity, e.last_updated_us, e.last_updated_us - coalesce(e.last_changed_us, e.last_updated_us),
    CASE WHEN s.state GLOB '[0-9]*' OR s.state GLOB '[+-][0-9]*' THEN s.state ELSE e.state END,
    e.attributes,
    CASE
        WHEN length(e.context_id) = 16 AND substr(e.context_id, 1, 6) = unhex(printf('%012x', e.last_updated_us / 1000))
            THEN substr(e.context_id, 7)
        -- a text of nine characters had ten bytes
        WHEN length(e.context_id) = 10 THEN CAST(x'0300' || substr(e.context_id, 2) AS BLOB)
        ELSE e.context_id
    END,
    CASE WHEN length(e.context_parent_id) = 10 THEN CAST(x'0300' || substr(e.context_parent_id, 2) AS BLOB) ELSE e.context_parent_id END,
    e.flags | coalesce(e.context_user, 0) << 3
FROM events e LEFT JOIN event_states s ON s.id = e.state;

DROP TABLE events;
ALTER TABLE compact_events RENAME TO events;
DELETE FROM event_states WHERE state GLOB '[0-9]*' OR state GLOB '[+-][0-9]*';

-- How many events each entity has on each day (UTC, days since 1970-01-01). Says which entities to look at for a span of time, and
-- how dense it is; counts over days are read from here.
CREATE TABLE event_days (
    day    INTEGER NOT NULL,
    entity INTEGER NOT NULL REFERENCES event_entities (id),
    events INTEGER NOT NULL,
    PRIMARY KEY (day, entity)
) STRICT, WITHOUT ROWID;
INSERT INTO event_days SELECT last_updated_us / 86400000000, entity, COUNT(*) FROM events GROUP BY 1, 2;
