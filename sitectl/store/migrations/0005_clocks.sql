-- Whose word a business time is (station, zone, estimated, receipt), and what each central was told of a transaction's
-- times, so that it never hears of a moment before the start or of a stop before what it heard last.

ALTER TABLE transactions ADD COLUMN start_clock TEXT NOT NULL DEFAULT 'station';
ALTER TABLE transactions ADD COLUMN stop_clock TEXT;
UPDATE transactions SET start_clock = 'receipt' WHERE start_clock_trusted = 0;
UPDATE transactions SET stop_clock = iif(stop_clock_trusted, 'station', 'receipt') WHERE stopped_us IS NOT NULL;

ALTER TABLE transaction_uplinks ADD COLUMN told_start_us INTEGER;
ALTER TABLE transaction_uplinks ADD COLUMN told_last_us INTEGER;
