-- Habits as automations of Home Assistant.

-- Automations that do what the habit does, or the opposite at the same moment: JSON arrays of entity ids; null: none is known.
ALTER TABLE patterns ADD COLUMN covered_by TEXT;
ALTER TABLE patterns ADD COLUMN contradicted_by TEXT;
-- When Home Assistant showed a notification about it; null: it did not.
ALTER TABLE patterns ADD COLUMN home_told_at BIGINT;
-- 1 to 5, from how often people take back what its automation did; null: not known.
ALTER TABLE patterns ADD COLUMN effect_rating BIGINT CHECK (effect_rating BETWEEN 1 AND 5);

-- Automations that were created from habits.
CREATE TABLE pattern_automations (
    pattern_id BIGINT PRIMARY KEY REFERENCES patterns (id) ON DELETE CASCADE,
    automation_id TEXT NOT NULL UNIQUE,
    -- Null until Home Assistant has loaded it.
    entity_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- What happened at or before this instant is counted.
    looked_until BIGINT NOT NULL,
    -- Times it acted, and of those, times when a person took it back within two minutes.
    fired BIGINT NOT NULL DEFAULT 0,
    undone BIGINT NOT NULL DEFAULT 0,
    last_fired BIGINT
);
