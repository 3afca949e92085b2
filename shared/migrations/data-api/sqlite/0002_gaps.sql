-- Spans of time from which events may be missing.
CREATE TABLE gaps (
    id          INTEGER PRIMARY KEY,
    start_us    INTEGER NOT NULL,
    end_us      INTEGER NOT NULL,
    -- disconnected, not_running, buffer_full, spool_full
    reason      TEXT NOT NULL,
    -- backfill: Home Assistant's history of the span was read; unrecoverable: it cannot be. null: still open
    closed_by   TEXT,
    -- events that closing it brought
    rows        INTEGER,
    recorded_us INTEGER NOT NULL,
    UNIQUE (start_us, reason)
) STRICT;
CREATE INDEX gaps_by_end ON gaps (end_us);
