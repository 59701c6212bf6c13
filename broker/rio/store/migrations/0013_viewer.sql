ALTER TABLE senders ADD COLUMN viewer boolean NOT NULL DEFAULT false;
