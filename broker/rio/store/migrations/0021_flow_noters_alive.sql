-- When the process itself wrote its row: another one that has read the event log for it moves `noted_at` alone.
ALTER TABLE flow_noters ADD COLUMN written_at timestamptz NOT NULL DEFAULT clock_timestamp();
