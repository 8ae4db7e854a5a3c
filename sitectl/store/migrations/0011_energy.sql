-- Energy by quarters of an hour (numbered since 1970, UTC), two years of every EVSE and circuit: narrow rows in the order
-- of time. A quarter without a row was not counted; one without a value says why.
CREATE TABLE energy_places (
    place       INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('evse', 'import', 'export', 'stations')),
    name        TEXT NOT NULL,                     -- of a station, or of a circuit
    evse        INTEGER NOT NULL,
    first       INTEGER,                           -- the quarters of its first and its newest row
    last        INTEGER,
    quarter     INTEGER,                           -- how far it was counted: known since the beginning of this one
    since_wh    REAL NOT NULL DEFAULT 0,
    register_wh REAL,
    running     TEXT NOT NULL DEFAULT '',          -- the transaction that this register belongs to
    at_us       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, name, evse)
) STRICT;

CREATE TABLE energy (
    quarter INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    wh      INTEGER,
    note    TEXT,
    PRIMARY KEY (quarter, place)
) STRICT, WITHOUT ROWID;

-- What is known of several quarters only in sum.
CREATE TABLE energy_lumps (
    last  INTEGER NOT NULL,
    place INTEGER NOT NULL,
    first INTEGER NOT NULL,
    wh    INTEGER NOT NULL,
    PRIMARY KEY (last, place, first)
) STRICT, WITHOUT ROWID;
