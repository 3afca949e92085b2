-- Long-term statistics of Home Assistant, one row an hour and entity, imported. mean, min, max: of measurements; state, sum: of meters.
CREATE TABLE statistics (
    entity   INTEGER NOT NULL REFERENCES event_entities (id),
    start_us INTEGER NOT NULL,
    mean     REAL,
    min      REAL,
    max      REAL,
    state    REAL,
    sum      REAL,
    PRIMARY KEY (entity, start_us)
) STRICT, WITHOUT ROWID;

-- The unit in which an entity's statistics are.
CREATE TABLE statistics_units (
    entity INTEGER PRIMARY KEY REFERENCES event_entities (id),
    unit   TEXT NOT NULL
) STRICT;
