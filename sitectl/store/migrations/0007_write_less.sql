-- What changes with every sample lies close together, in rows of twenty bytes: a commit of ten samples writes one page
-- of them instead of ten. They go by the number of a transaction's first frame, which is short.
UPDATE transactions SET first_frame = -rowid WHERE first_frame IS NULL;

-- Of transactions that are over the last sample is in their own row.
CREATE TABLE last_samples (
    first_frame INTEGER PRIMARY KEY,
    sampled_us  INTEGER NOT NULL,
    register_wh REAL NOT NULL
) STRICT;
INSERT INTO last_samples SELECT first_frame, last_sample_us, last_sample_wh FROM transactions
    WHERE state = 'open' AND last_sample_us IS NOT NULL AND last_sample_wh IS NOT NULL;

-- What a central was told of a transaction, until it has taken the stop: the newest moment, and the newest meter values
-- that went up as they are stored, with nothing changed but the id. Of these there is no second copy of their text, nor
-- is their row in the outbox written again.
CREATE TABLE last_told (
    uplink      TEXT NOT NULL,
    first_frame INTEGER NOT NULL,
    told_us     INTEGER,
    said_seq    INTEGER,
    PRIMARY KEY (uplink, first_frame)
) STRICT, WITHOUT ROWID;
INSERT INTO last_told SELECT u.uplink, t.first_frame, u.told_last_us, NULL
    FROM transaction_uplinks u JOIN transactions t ON t.id = u.transaction_id
    WHERE u.told_last_us IS NOT NULL AND coalesce(u.stop_state, '') <> 'acked';

-- Events come in the order of their times, but for jumps of the clock: neither an index of these nor a page that holds
-- the newest number is worth writing with each.
CREATE TABLE ordered_events (
    seq        INTEGER PRIMARY KEY,
    gateway_id TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    time_us    INTEGER NOT NULL,
    type       TEXT NOT NULL,
    station    TEXT,
    evse       INTEGER,
    data       TEXT NOT NULL
) STRICT;
INSERT INTO ordered_events SELECT seq, gateway_id, epoch, time_us, type, station, evse, data FROM events;
DROP TABLE events;
ALTER TABLE ordered_events RENAME TO events;
