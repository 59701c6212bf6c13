CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL,
    event_source text NOT NULL,
    event_id text NOT NULL,
    attributes jsonb NOT NULL,
    content_type text,
    body bytea NOT NULL,
    trace jsonb NOT NULL,
    reason text NOT NULL,
    status integer,
    response text NOT NULL,
    attempts integer NOT NULL,
    accepted_at timestamptz NOT NULL,
    died_at timestamptz NOT NULL DEFAULT now(),
    -- A crash between storing and acknowledging stores the same letter again.
    UNIQUE (subscription, event_source, event_id)
);
CREATE INDEX dead_letters_by_subscription ON dead_letters (subscription, id);
