-- One row: what Home Assistant says of the home itself.
CREATE TABLE home (
    id                     INTEGER PRIMARY KEY CHECK (id = 1),
    time_zone              TEXT,
    location_name          TEXT,
    home_assistant_version TEXT,
    reported_us            INTEGER NOT NULL
) STRICT;
