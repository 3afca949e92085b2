-- Long-term statistics of Home Assistant, one row an hour and entity, imported. mean, min, max: of measurements; state, sum: of meters.
CREATE TABLE statistics (
    entity   BIGINT NOT NULL REFERENCES event_entities (id),
    start_us BIGINT NOT NULL,
    mean     DOUBLE PRECISION,
    min      DOUBLE PRECISION,
    max      DOUBLE PRECISION,
    state    DOUBLE PRECISION,
    sum      DOUBLE PRECISION,
    PRIMARY KEY (entity, start_us)
);

-- The unit in which an entity's statistics are.
CREATE TABLE statistics_units (
    entity BIGINT PRIMARY KEY REFERENCES event_entities (id),
    unit   TEXT NOT NULL
);
