-- Events of ordered subscriptions that wait behind a failing one of their subject, that one first.
CREATE TABLE held (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
    subject text NOT NULL,
    due_at timestamptz NOT NULL,
    headers jsonb NOT NULL,
    content_type text,
    body bytea NOT NULL
);
CREATE INDEX held_by_subject ON held (subscription, subject, position);

-- Which dispatcher delivers the held events of a subscription.
CREATE TABLE held_leases (
    subscription text PRIMARY KEY REFERENCES subscriptions ON DELETE CASCADE,
    dispatcher text NOT NULL,
    expires_at timestamptz NOT NULL
);
