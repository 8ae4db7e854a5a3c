-- Of each opening of the file: which boot of the machine it was in, when by the monotonic clock of that, and whether the
-- gateway did not know the time, so that its stamps are still to be put right.

ALTER TABLE epochs ADD COLUMN boot TEXT;
ALTER TABLE epochs ADD COLUMN opened_at REAL;
ALTER TABLE epochs ADD COLUMN timeless INTEGER NOT NULL DEFAULT 0;
