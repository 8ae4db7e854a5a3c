-- Times are microseconds since 1970 in UTC (`_us`). Rows that are money carry the gateway and the epoch (one opening of
-- the file) that wrote them, so that the ledgers of two machines can be laid side by side.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE epochs (
    epoch      INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway_id TEXT NOT NULL,
    opened_us  INTEGER NOT NULL
) STRICT;

CREATE TABLE transactions (
    id                     TEXT PRIMARY KEY,
    gateway_id             TEXT NOT NULL,
    epoch                  INTEGER NOT NULL,
    station                TEXT NOT NULL,
    evse                   INTEGER NOT NULL,
    station_transaction_id INTEGER NOT NULL CHECK (station_transaction_id BETWEEN 1 AND 2147483647),
    version                TEXT NOT NULL,             -- of OCPP, as the station speaks it
    state                  TEXT NOT NULL CHECK (state IN ('open', 'stopped')),
    start_key              TEXT NOT NULL,             -- a retry of the same start has the same key
    id_token               TEXT NOT NULL,
    reservation_id         INTEGER,
    started_us             INTEGER NOT NULL,
    started_raw            TEXT NOT NULL,
    start_clock_trusted    INTEGER NOT NULL,
    start_message_id       TEXT NOT NULL,
    start_received_us      INTEGER NOT NULL,
    meter_start_wh         INTEGER NOT NULL,
    last_sample_us         INTEGER,
    last_sample_wh         REAL,
    stop_key               TEXT,                      -- null while open, and where the stop was made by us
    stopped_us             INTEGER,
    stopped_raw            TEXT,
    stop_clock_trusted     INTEGER,
    stop_received_us       INTEGER,
    meter_stop_wh          INTEGER,
    reason                 TEXT,
    stop_id_token          TEXT,
    synthetic              INTEGER NOT NULL DEFAULT 0, -- the station never told the stop; we concluded it
    verdict                TEXT,                       -- on the token, as answered to the station
    verdict_expires_us     INTEGER,
    verdict_parent         TEXT,
    UNIQUE (station, station_transaction_id),
    UNIQUE (station, start_key)
) STRICT;
CREATE INDEX transactions_open ON transactions (station, evse) WHERE state = 'open';
CREATE INDEX transactions_stop_key ON transactions (station, stop_key) WHERE stop_key IS NOT NULL;

-- The ids handed to stations are ours: where each station's counter stands.
CREATE TABLE station_counters (
    station TEXT PRIMARY KEY,
    next    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE transaction_uplinks (
    transaction_id        TEXT NOT NULL REFERENCES transactions (id),
    uplink                TEXT NOT NULL,
    rank                  INTEGER NOT NULL,           -- 0: the authoritative one
    station               TEXT NOT NULL,
    uplink_transaction_id TEXT,                       -- what the central calls it; not unique, since some repeat theirs
    start_state           TEXT NOT NULL DEFAULT 'pending',
    stop_state            TEXT,
    verdict               TEXT,
    verdict_expires_us    INTEGER,
    verdict_parent        TEXT,
    PRIMARY KEY (transaction_id, uplink)
) STRICT, WITHOUT ROWID;
CREATE INDEX transaction_uplinks_map ON transaction_uplinks (uplink, station, uplink_transaction_id)
    WHERE uplink_transaction_id IS NOT NULL;

-- What the uplinks still have to hear. An acknowledged row leaves: what is here is unsent, in flight or given up, so
-- that counting rows is the truth. `seq` grows for ever (epoch << 32, plus a counter in memory).
CREATE TABLE outbox (
    seq                  INTEGER PRIMARY KEY,
    gateway_id           TEXT NOT NULL,
    epoch                INTEGER NOT NULL,
    uplink               TEXT NOT NULL,
    station              TEXT NOT NULL,
    transaction_id       TEXT,
    kind                 TEXT NOT NULL,
    action               TEXT NOT NULL,
    version              TEXT NOT NULL,
    payload              TEXT NOT NULL,               -- JSON, without any transaction id
    needs_transaction_id INTEGER NOT NULL,
    rendered             TEXT,                        -- frozen at the first send
    state                TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'dead')),
    attempts             INTEGER NOT NULL DEFAULT 0,
    reason               TEXT,
    created_us           INTEGER NOT NULL,
    sent_us              INTEGER
) STRICT;
CREATE INDEX outbox_waiting ON outbox (uplink, station, seq, transaction_id) WHERE state <> 'dead';
CREATE INDEX outbox_dead ON outbox (uplink, station, transaction_id) WHERE state = 'dead';

-- Frames of transaction messages as they came, to the byte; append only, in the order of receipt.
CREATE TABLE raw_frames (
    id             INTEGER PRIMARY KEY,
    gateway_id     TEXT NOT NULL,
    epoch          INTEGER NOT NULL,
    station        TEXT NOT NULL,
    transaction_id TEXT,
    kind           TEXT NOT NULL,
    received_us    INTEGER NOT NULL,
    received_at    REAL NOT NULL,                     -- monotonic seconds, comparable within one boot of the machine
    frame          BLOB NOT NULL
) STRICT;
-- By time alone: frames come in its order, so that all stations write the same page of this index, not one each.
CREATE INDEX raw_frames_received ON raw_frames (received_us);

-- Stops that fit nothing, and second, different stops of a transaction: shown to people, never acted upon.
CREATE TABLE anomalies (
    id             INTEGER PRIMARY KEY,
    gateway_id     TEXT NOT NULL,
    epoch          INTEGER NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('unmatched_stop', 'conflicting_stop')),
    station        TEXT NOT NULL,
    transaction_id TEXT,
    content_key    TEXT NOT NULL,
    payload        TEXT NOT NULL,
    raw_frame      INTEGER NOT NULL,
    received_us    INTEGER NOT NULL,
    UNIQUE (station, content_key)
) STRICT;

CREATE TABLE events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway_id TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    time_us    INTEGER NOT NULL,
    type       TEXT NOT NULL,
    station    TEXT,
    evse       INTEGER,
    data       TEXT NOT NULL
) STRICT;
CREATE INDEX events_time ON events (time_us);

CREATE TABLE stations (
    station       TEXT PRIMARY KEY,
    vendor        TEXT NOT NULL,
    model         TEXT NOT NULL,
    firmware      TEXT NOT NULL,
    serial        TEXT NOT NULL,
    ocpp          TEXT NOT NULL,
    boot          TEXT,
    credential    TEXT,
    configuration TEXT
) STRICT;

CREATE TABLE limits (
    station    TEXT NOT NULL,
    evse       INTEGER NOT NULL,
    gateway_id TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    counts_a   REAL NOT NULL,
    fallback_a REAL,
    seq        INTEGER NOT NULL,
    expires_us INTEGER,
    stored_us  INTEGER NOT NULL,
    obeys      TEXT NOT NULL,
    PRIMARY KEY (station, evse)
) STRICT, WITHOUT ROWID;

CREATE TABLE token_cache (
    id_token    TEXT PRIMARY KEY,
    status      TEXT NOT NULL,
    expires_us  INTEGER,
    parent      TEXT,
    received_us INTEGER NOT NULL
) STRICT;

CREATE TABLE virtual_variables (
    uplink  TEXT NOT NULL,
    station TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (uplink, station, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE virtual_profiles (
    uplink   TEXT NOT NULL,
    station  TEXT NOT NULL,
    profiles TEXT NOT NULL,
    PRIMARY KEY (uplink, station)
) STRICT;
