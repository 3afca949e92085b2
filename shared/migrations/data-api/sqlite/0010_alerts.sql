-- Conditions that somebody should look at, with how they ended. Kept here so that a restart neither forgets nor repeats them.
CREATE TABLE alerts (
    -- <service>_<rule>_<unix seconds>
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    -- info, warning, critical
    severity        TEXT NOT NULL,
    -- active, acknowledged, resolved
    status          TEXT NOT NULL,
    message         TEXT NOT NULL,
    service         TEXT NOT NULL,
    metric          TEXT,
    current_value   REAL,
    threshold_value REAL,
    created_us      INTEGER NOT NULL,
    acknowledged_us INTEGER,
    resolved_us     INTEGER,
    -- a JSON object of texts
    metadata        TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_time ON alerts (created_us);
