-- A ledger as the first schema wrote it: a transaction that is over, one that runs, and one row of everything else.
PRAGMA user_version = 1;
BEGIN TRANSACTION;
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
INSERT INTO "anomalies" VALUES(1,'0a1b2c3d4e5f',3,'unmatched_stop','CP3',NULL,'k9','{"meterStop":1}',2,1795162500000000);
CREATE TABLE epochs (
    epoch      INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway_id TEXT NOT NULL,
    opened_us  INTEGER NOT NULL
) STRICT;
INSERT INTO "epochs" VALUES(3,'0a1b2c3d4e5f',1795160000000000);
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
INSERT INTO "events" VALUES(17,'0a1b2c3d4e5f',3,1795161000100000,'transaction.started','CP1',1,'{"transaction":"t-over"}');
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
INSERT INTO "limits" VALUES('CP2',1,'0a1b2c3d4e5f',3,16.0,6.0,41,1795163300000000,1795163000000000,'proven');
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('gateway_id','0a1b2c3d4e5f');
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
INSERT INTO "outbox" VALUES(12884901889,'0a1b2c3d4e5f',3,'central','CP1','t-over','stop','StopTransaction','1.6','{"meterStop":2000}',1,'{"meterStop":2000,"transactionId":4711}','dead',5,'refused',1795162000200000,1795162001000000);
INSERT INTO "outbox" VALUES(12884901890,'0a1b2c3d4e5f',3,'central','CP2','t-runs','start','StartTransaction','1.6','{"connectorId":1,"idTag":"BOB"}',0,NULL,'queued',0,NULL,1795163000300000,NULL);
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
INSERT INTO "raw_frames" VALUES(1,'0a1b2c3d4e5f',3,'CP1','t-over','start',1795161000100000,10.0,X'5B5D');
INSERT INTO "raw_frames" VALUES(2,'0a1b2c3d4e5f',3,'CP1','t-over','stop',1795162000200000,20.0,X'5B325D');
INSERT INTO "raw_frames" VALUES(3,'0a1b2c3d4e5f',3,'CP2','t-runs','start',1795163000300000,30.0,X'5B335D');
CREATE TABLE station_counters (
    station TEXT PRIMARY KEY,
    next    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "station_counters" VALUES('CP1',2000000102);
INSERT INTO "station_counters" VALUES('CP2',2000000202);
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
INSERT INTO "stations" VALUES('CP1','Acme','AC-22','1.2','S1','1.6','{"chargePointVendor":"Acme"}','pinned','{"HeartbeatInterval":"60"}');
CREATE TABLE token_cache (
    id_token    TEXT PRIMARY KEY,
    status      TEXT NOT NULL,
    expires_us  INTEGER,
    parent      TEXT,
    received_us INTEGER NOT NULL
) STRICT;
INSERT INTO "token_cache" VALUES('ALICE','Accepted',NULL,'FLEET',1795161000000000);
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
INSERT INTO "transaction_uplinks" VALUES('t-over','central',0,'CP1','4711','acked','dead','Accepted',NULL,NULL);
INSERT INTO "transaction_uplinks" VALUES('t-runs','central',0,'CP2',NULL,'pending',NULL,NULL,NULL,NULL);
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
INSERT INTO "transactions" VALUES('t-over','0a1b2c3d4e5f',3,'CP1',1,2000000101,'1.6','stopped','1|ALICE|a|1000','ALICE',NULL,1795161000000000,'2026-11-20T06:10:00Z',1,'7',1795161000100000,1000,1795161500000000,1500.0,'k1',1795162000000000,'2026-11-20T06:26:40Z',0,1795162000200000,2000,'Local',NULL,0,'Accepted',NULL,NULL);
INSERT INTO "transactions" VALUES('t-runs','0a1b2c3d4e5f',3,'CP2',1,2000000201,'1.6','open','1|BOB|b|5000','BOB',NULL,1795163000000000,'2026-11-20T06:43:20Z',0,'9',1795163000300000,5000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL);
CREATE TABLE virtual_profiles (
    uplink   TEXT NOT NULL,
    station  TEXT NOT NULL,
    profiles TEXT NOT NULL,
    PRIMARY KEY (uplink, station)
) STRICT;
INSERT INTO "virtual_profiles" VALUES('central','CP1','[{"chargingProfileId":1}]');
CREATE TABLE virtual_variables (
    uplink  TEXT NOT NULL,
    station TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (uplink, station, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "virtual_variables" VALUES('central','CP1','MeterValueSampleInterval','60');
CREATE INDEX transactions_open ON transactions (station, evse) WHERE state = 'open';
CREATE INDEX transactions_stop_key ON transactions (station, stop_key) WHERE stop_key IS NOT NULL;
CREATE INDEX transaction_uplinks_map ON transaction_uplinks (uplink, station, uplink_transaction_id)
    WHERE uplink_transaction_id IS NOT NULL;
CREATE INDEX outbox_waiting ON outbox (uplink, station, seq, transaction_id) WHERE state <> 'dead';
CREATE INDEX outbox_dead ON outbox (uplink, station, transaction_id) WHERE state = 'dead';
CREATE INDEX raw_frames_received ON raw_frames (received_us);
CREATE INDEX events_time ON events (time_us);
DELETE FROM sqlite_sequence;
INSERT INTO "sqlite_sequence" VALUES('epochs',3);
INSERT INTO "sqlite_sequence" VALUES('events',17);
COMMIT;
