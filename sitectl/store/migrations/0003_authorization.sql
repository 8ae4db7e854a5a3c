-- What each central left with us about tokens: its verdicts (the cache), and one local list a station. Tokens are
-- folded, because capitals do not tell two of them apart. A verdict of an older file belongs to its only uplink.

CREATE TABLE authorization_cache (
    uplink      TEXT NOT NULL,
    id_token    TEXT NOT NULL,
    status      TEXT NOT NULL,
    expires_us  INTEGER,
    parent      TEXT,
    received_us INTEGER NOT NULL,
    PRIMARY KEY (uplink, id_token)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO authorization_cache
    SELECT (SELECT min(uplink) FROM transaction_uplinks), lower(id_token), status, expires_us, parent, received_us
    FROM token_cache
    WHERE (SELECT count(DISTINCT uplink) FROM transaction_uplinks) = 1
    ORDER BY received_us DESC;
DROP TABLE token_cache;

CREATE TABLE local_lists (
    uplink  TEXT NOT NULL,
    station TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (uplink, station)
) STRICT, WITHOUT ROWID;

CREATE TABLE local_list_tokens (
    uplink     TEXT NOT NULL,
    station    TEXT NOT NULL,
    id_token   TEXT NOT NULL,
    status     TEXT NOT NULL,
    expires_us INTEGER,
    parent     TEXT,
    PRIMARY KEY (uplink, station, id_token)
) STRICT, WITHOUT ROWID;

-- What follows from a central's refusal of a token whose transaction runs: `treatment`, and the meter's register from
-- which on the energy is counted that the transaction may still have.
ALTER TABLE transaction_uplinks ADD COLUMN treatment TEXT;
ALTER TABLE transaction_uplinks ADD COLUMN refused_wh REAL;

-- Whose token ended a transaction: own, group (another of the same parent), other.
ALTER TABLE transactions ADD COLUMN stopped_by TEXT;

-- Whether another transaction of the same token is one that a central has yet to hear of.
CREATE INDEX transactions_id_token ON transactions (id_token COLLATE NOCASE);
