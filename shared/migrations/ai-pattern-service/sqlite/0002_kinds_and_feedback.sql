-- Patterns of every kind, what people said of them, and what a nightly run starts from.

-- Their form was another one; the next run finds them again.
DELETE FROM pattern_history;
DELETE FROM patterns;

-- Where it is in its life: new, active, drifting, paused, stopped, revived.
ALTER TABLE patterns ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
-- Every occurrence and every miss, as JSON: {"occurrences": […], "misses": […]}.
ALTER TABLE patterns ADD COLUMN evidence TEXT NOT NULL DEFAULT '{"occurrences":[],"misses":[]}';
-- The last word of the people: accept, dismiss, later; null: none.
ALTER TABLE patterns ADD COLUMN feedback TEXT CHECK (feedback IN ('accept', 'dismiss', 'later'));
-- Until when "later" holds.
ALTER TABLE patterns ADD COLUMN later_until INTEGER;
-- 1 to 5.
ALTER TABLE patterns ADD COLUMN rating INTEGER CHECK (rating BETWEEN 1 AND 5);

-- Every word of the people, in order.
CREATE TABLE pattern_feedback (
    id INTEGER PRIMARY KEY,
    pattern_id INTEGER NOT NULL REFERENCES patterns (id) ON DELETE CASCADE,
    action TEXT CHECK (action IN ('accept', 'dismiss', 'later')),
    rating INTEGER CHECK (rating BETWEEN 1 AND 5),
    comment TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX pattern_feedback_by_pattern ON pattern_feedback (pattern_id, created_at);

-- Entity ids, areas and domains of which nothing is told.
CREATE TABLE silences (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;

-- The local library of patterns that people shared with each other.
CREATE TABLE community_patterns (
    id TEXT PRIMARY KEY,
    pattern_type TEXT NOT NULL,
    device_id TEXT,
    pattern_metadata TEXT NOT NULL,
    description TEXT NOT NULL,
    -- A JSON array of texts.
    tags TEXT NOT NULL,
    author TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE pattern_ratings (
    id INTEGER PRIMARY KEY,
    pattern_id TEXT NOT NULL REFERENCES community_patterns (id) ON DELETE CASCADE,
    user_id TEXT,
    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    comment TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX pattern_ratings_by_pattern ON pattern_ratings (pattern_id, id);

-- What was read of the past, so that a nightly run reads only what is new. One row at most.
CREATE TABLE timelines (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- The span that was read, both ends included, and how many events data-api had of it.
    from_us INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    events INTEGER NOT NULL,
    saved BLOB NOT NULL
) STRICT;
