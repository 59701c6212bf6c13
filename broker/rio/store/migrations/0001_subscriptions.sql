CREATE TABLE subscriptions (
    id text PRIMARY KEY,
    types text[] NOT NULL,
    sink text NOT NULL,
    source text,
    -- Every pattern the queue may be bound by: written before binding, narrowed after unbinding,
    -- so that a crash in between leaves no binding nobody knows of.
    bound text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
