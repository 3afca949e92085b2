-- What waits for an MQTT broker, what a broker is to keep, and what the service knows of itself.

-- Messages about moments, in the order in which they are told.
CREATE TABLE mqtt_outbox (
    -- Never used twice: an acknowledgement that comes late must not meet another message.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- The habit that counts as told when this is acknowledged.
    pattern_key TEXT,
    created_at INTEGER NOT NULL,
    -- null: it waits for ever, and no bound drops it.
    expires_at INTEGER
) STRICT;

CREATE INDEX mqtt_outbox_by_pattern ON mqtt_outbox (pattern_key) WHERE pattern_key IS NOT NULL;

-- The retained messages, one a topic: the newest wins. An empty payload clears the topic; its row goes with the acknowledgement.
CREATE TABLE mqtt_states (
    topic TEXT PRIMARY KEY,
    -- Topics that come and go together: discovery, habits, …
    family TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Counts the payloads, so that an acknowledgement of an older one says nothing of the newest.
    version INTEGER NOT NULL,
    told INTEGER NOT NULL CHECK (told IN (0, 1))
) STRICT;

-- What the service knows of itself, such as the id of this installation.
CREATE TABLE pattern_service_facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
