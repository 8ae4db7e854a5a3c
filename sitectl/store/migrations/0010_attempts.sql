-- What was done about symptoms of stations, with the evidence before and after (JSON: pairs of a word and its value), and
-- who the station said it was then. `since_us`: when the symptom began, of attempts that helped. An id comes again after
-- a restart: the newest row of it is meant.
CREATE TABLE attempts (
    id         TEXT NOT NULL,
    gateway_id TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    station    TEXT NOT NULL,
    evse       INTEGER,
    remedy     TEXT NOT NULL,
    symptom    TEXT NOT NULL,
    code       TEXT NOT NULL,
    rule       TEXT NOT NULL,
    step       INTEGER NOT NULL,
    vendor     TEXT NOT NULL,
    model      TEXT NOT NULL,
    firmware   TEXT NOT NULL,
    begun_us   INTEGER NOT NULL,
    dry        INTEGER NOT NULL,
    before     TEXT NOT NULL,
    outcome    TEXT,
    ended_us   INTEGER,
    after      TEXT,
    helped     INTEGER,
    since_us   INTEGER
) STRICT;
CREATE INDEX attempts_begun ON attempts (begun_us);
CREATE INDEX attempts_id ON attempts (id);
CREATE INDEX attempts_running ON attempts (station) WHERE ended_us IS NULL;

-- Resets and the like that centrals and people ordered in the last day: budgets count them, over a restart too.
CREATE TABLE hands (
    station TEXT NOT NULL,
    kind    TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at_us   INTEGER NOT NULL
) STRICT;
CREATE INDEX hands_at ON hands (at_us);
