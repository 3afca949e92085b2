-- Configuration entries: what was set up under "Devices & services" in Home Assistant.
CREATE TABLE config_entries (
    entry_id      TEXT PRIMARY KEY,
    domain        TEXT NOT NULL,
    title         TEXT,
    -- loaded, setup_error, setup_retry, not_loaded, …
    state         TEXT,
    -- user, zeroconf, import, …
    source        TEXT,
    -- why it is in that state
    reason        TEXT,
    disabled_by   TEXT,
    last_seen_us  INTEGER NOT NULL,
    removed_us    INTEGER
) STRICT;
