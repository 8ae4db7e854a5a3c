-- What else is remembered of a station for a central, or for the site itself (uplink ''): one JSON document a kind.
CREATE TABLE virtual_documents (
    kind     TEXT NOT NULL,
    uplink   TEXT NOT NULL,
    station  TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, uplink, station)
) STRICT, WITHOUT ROWID;
