ALTER TABLE subscriptions
    ADD COLUMN filters jsonb NOT NULL DEFAULT '[]',
    -- What differs from the defaults, so that better defaults reach those who chose none.
    ADD COLUMN config jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused')),
    ADD COLUMN reason text,
    ADD COLUMN owner text NOT NULL DEFAULT '',
    -- Secrets are derived from the master key and this number; none of them is stored.
    ADD COLUMN secret_version integer NOT NULL DEFAULT 1,
    ADD COLUMN rotated_at timestamptz;
