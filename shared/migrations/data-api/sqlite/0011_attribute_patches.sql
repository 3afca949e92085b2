-- Attribute sets as differences, contexts that rows share, and what is needed to delete those that nothing uses any more.

-- Sets that are kept as their difference from one in event_attributes. events.attributes has minus their id.
-- No column refers to another table here: a deletion there would look through all of these rows, and all events.
CREATE TABLE event_attribute_patches (
    id    INTEGER PRIMARY KEY,
    -- id in event_attributes
    base  INTEGER NOT NULL,
    -- crates/data-api/src/store/attributes/patch.rs
    patch BLOB NOT NULL
) STRICT;

-- Contexts that more than one row has. The rows refer to them: crates/data-api/src/store/context_key.rs
CREATE TABLE event_contexts (
    id      INTEGER PRIMARY KEY,
    context BLOB NOT NULL
) STRICT;

-- How many events were deleted since unused sets and contexts were.
ALTER TABLE event_totals ADD COLUMN deleted_since_sweep INTEGER NOT NULL DEFAULT 0;
-- The number of the program that is looking for unused ones; 0 when there is none, or when what it has seen does not hold any more.
ALTER TABLE event_totals ADD COLUMN sweeper INTEGER NOT NULL DEFAULT 0;
-- How many times some were deleted: a program that finds it changed forgets the ids it knows.
ALTER TABLE event_totals ADD COLUMN sweeps INTEGER NOT NULL DEFAULT 0;

-- events.attributes no longer says only ids of event_attributes. SQLite takes a reference away by a change of the text of the table,
-- https://www.sqlite.org/lang_altertable.html#otheralter: the rows stay as they are, however many there are.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'attributes      INTEGER REFERENCES event_attributes (id)', 'attributes      INTEGER')
WHERE type = 'table' AND name = 'events';
PRAGMA writable_schema = RESET;
