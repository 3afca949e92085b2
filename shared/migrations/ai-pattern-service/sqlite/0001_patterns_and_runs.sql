-- What ai-pattern-service has found and told. Instants are microseconds of UTC since 1970.

-- One habit. Keyed by pattern_key (kind, entity, state, days, slot), so that two habits of one light are two rows.
CREATE TABLE patterns (
    id INTEGER PRIMARY KEY,
    pattern_key TEXT NOT NULL UNIQUE,
    pattern_type TEXT NOT NULL,
    -- Entity ids in order, joined by '+'.
    device_id TEXT NOT NULL,
    -- The whole habit with its evidence, as JSON.
    pattern_metadata TEXT NOT NULL,
    confidence REAL NOT NULL,
    occurrences INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    trend_direction TEXT NOT NULL DEFAULT 'stable' CHECK (trend_direction IN ('increasing', 'stable', 'decreasing')),
    trend_strength REAL NOT NULL DEFAULT 0,
    confidence_history_count INTEGER NOT NULL DEFAULT 0,
    -- Runs in a row that did not find it.
    missed_runs INTEGER NOT NULL DEFAULT 0,
    deprecated INTEGER NOT NULL DEFAULT 0 CHECK (deprecated IN (0, 1)),
    deprecated_at INTEGER,
    -- When a subscriber's broker acknowledged the message about it; null: nobody was told yet.
    told_at INTEGER
) STRICT;

CREATE INDEX patterns_by_confidence ON patterns (deprecated, confidence DESC);

-- What its confidence was, run by run.
CREATE TABLE pattern_history (
    id INTEGER PRIMARY KEY,
    pattern_id INTEGER NOT NULL REFERENCES patterns (id) ON DELETE CASCADE,
    confidence REAL NOT NULL,
    occurrences INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;

CREATE INDEX pattern_history_by_pattern ON pattern_history (pattern_id, recorded_at);

-- One analysis.
CREATE TABLE analysis_runs (
    id INTEGER PRIMARY KEY,
    cause TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('completed', 'failed')),
    patterns_found INTEGER NOT NULL,
    patterns_new INTEGER NOT NULL,
    patterns_changed INTEGER NOT NULL,
    patterns_gone INTEGER NOT NULL,
    -- Failures, a JSON array of texts.
    errors TEXT NOT NULL,
    -- What was looked at and left out, a JSON object.
    report TEXT NOT NULL
) STRICT;
