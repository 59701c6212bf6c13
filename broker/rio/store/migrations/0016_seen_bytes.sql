-- How many bytes the events took that were emitted: what waits for a paused subscription is known by it.
ALTER TABLE seen ADD COLUMN bytes bigint NOT NULL DEFAULT 0;
