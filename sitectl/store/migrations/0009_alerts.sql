-- What each channel of alerts was told of and still stands, and the notices that wait for it. Both are small and bounded.
-- `id` of a notice is that of the occurrence; `name` is the wording of a problem up to the colon.
CREATE TABLE alerts_told (
    channel  TEXT NOT NULL,
    place    TEXT NOT NULL,
    name     TEXT NOT NULL,
    what     TEXT NOT NULL,
    cure     TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    PRIMARY KEY (channel, place, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts_waiting (
    channel  TEXT NOT NULL,
    id       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    place    TEXT NOT NULL,
    what     TEXT NOT NULL,
    cure     TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    until_us INTEGER,
    made_us  INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (channel, id, kind)
) STRICT, WITHOUT ROWID;
