-- When each held event was accepted, as its headers have it: the oldest of a subscription is found by index, and an
-- attempt that fails leaves the index alone.
ALTER TABLE held ADD COLUMN accepted_at float8 NOT NULL
    GENERATED ALWAYS AS ((headers ->> 'rio-accepted-at')::float8) STORED;
CREATE INDEX held_by_age ON held (subscription, accepted_at);
