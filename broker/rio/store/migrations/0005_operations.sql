ALTER TABLE dead_letters
    -- Every attempt: [{"at", "status", "seconds", "reason", "body", "trace_id", "span_id"}], oldest first.
    ADD COLUMN history jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN event_type text NOT NULL GENERATED ALWAYS AS (coalesce(attributes ->> 'type', '')) STORED,
    ADD COLUMN bytes bigint NOT NULL GENERATED ALWAYS AS (
        octet_length(body) + octet_length(attributes::text) + octet_length(response)
    ) STORED;
CREATE INDEX dead_letters_by_age ON dead_letters (died_at);
-- Summed up again and again, without the bodies.
CREATE INDEX dead_letters_by_size ON dead_letters (id) INCLUDE (bytes);

-- Recent attempts, for people who look for one; what it leaves out stands in the logs.
CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL,
    event_source text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    seconds double precision NOT NULL,
    status integer,
    outcome text NOT NULL,
    reason text NOT NULL,
    response text NOT NULL,
    trace_id text
);
CREATE INDEX deliveries_by_subscription ON deliveries (subscription, id);
CREATE INDEX deliveries_by_event ON deliveries (event_id, id);
CREATE INDEX deliveries_by_age ON deliveries (at);

-- What passed in each minute: emitted where the subscription is empty, delivered where it is named.
CREATE TABLE seen (
    minute timestamptz NOT NULL,
    source text NOT NULL,
    type text NOT NULL,
    subscription text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (minute, source, type, subscription)
);

-- Past events sent again to one subscription.
CREATE TABLE replays (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL,
    types text[] NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    -- Both or neither: this event alone.
    event_source text,
    event_id text,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    reason text,
    -- Where in the event log to go on; everything before is done.
    position bigint,
    read bigint NOT NULL DEFAULT 0,
    replayed bigint NOT NULL DEFAULT 0,
    -- Runs are counted so that a replay that brings its process down is not taken up for ever.
    runs integer NOT NULL DEFAULT 0,
    leased_until timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX replays_running ON replays (leased_until) WHERE state = 'running';
