-- The replay that a dead letter's event was delivered for; sent again, it still is.
ALTER TABLE dead_letters ADD COLUMN replay bigint;
-- Whether consumers are to act once more on what is sent again, or only where they have not.
ALTER TABLE replays ADD COLUMN again boolean NOT NULL DEFAULT true;
