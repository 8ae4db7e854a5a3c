-- When a message was given up; and how many bytes each holds, in the index as well, so that the size of a queue is
-- summed up without reading it.
ALTER TABLE outbox ADD COLUMN given_up_us INTEGER;
ALTER TABLE outbox ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET size = length(CAST(payload AS BLOB));
DROP INDEX outbox_waiting;
CREATE INDEX outbox_waiting ON outbox (uplink, station, seq, transaction_id, size) WHERE state <> 'dead';

-- Messages of transactions whose start was given up: meter values that were not sent, and the stop that went without
-- an id. They come back with the start when a person requeues it, under the same numbers.
CREATE TABLE outbox_archive (
    seq                  INTEGER PRIMARY KEY,
    gateway_id           TEXT NOT NULL,
    epoch                INTEGER NOT NULL,
    uplink               TEXT NOT NULL,
    station              TEXT NOT NULL,
    transaction_id       TEXT NOT NULL,
    kind                 TEXT NOT NULL,
    action               TEXT NOT NULL,
    version              TEXT NOT NULL,
    payload              TEXT NOT NULL,
    needs_transaction_id INTEGER NOT NULL,
    created_us           INTEGER NOT NULL,
    size                 INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_archive_transaction ON outbox_archive (transaction_id, uplink, seq);

-- By the central's id first: whose it is, of this station or of another, is one question.
DROP INDEX transaction_uplinks_map;
CREATE INDEX transaction_uplinks_map ON transaction_uplinks (uplink, uplink_transaction_id, station)
    WHERE uplink_transaction_id IS NOT NULL;

-- A transaction knows its first frame and its last, so that frames need no index: one more page to write with each
-- sample was a tenth of all that is written in a day.
ALTER TABLE transactions ADD COLUMN first_frame INTEGER;
ALTER TABLE transactions ADD COLUMN last_frame INTEGER;
UPDATE transactions SET
    first_frame = (SELECT min(id) FROM raw_frames f
                   WHERE f.received_us = start_received_us AND f.transaction_id = transactions.id),
    last_frame  = (SELECT max(id) FROM raw_frames f
                   WHERE f.received_us = stop_received_us AND f.transaction_id = transactions.id);
DROP INDEX raw_frames_received;
