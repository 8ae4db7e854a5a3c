-- What the daemon learns or is told at run time, over what the configuration says: ceilings, learned wiring, results of
-- tests. It may add facts and lower limits, never raise one. `value` is JSON.
CREATE TABLE overlay (
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    source     TEXT NOT NULL,
    set_us     INTEGER NOT NULL,
    expires_us INTEGER,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
