-- When an event was claimed stands for good: accepting it then touches no index, and its row is updated in
-- place, for which each page keeps room.
ALTER TABLE accepted ADD COLUMN claimed_at timestamptz NOT NULL DEFAULT now();
UPDATE accepted SET claimed_at = accepted_at WHERE accepted_at IS NOT NULL;
ALTER TABLE accepted DROP COLUMN claimed_until;
ALTER TABLE accepted SET (fillfactor = 50);
CREATE INDEX accepted_by_age ON accepted (claimed_at);
