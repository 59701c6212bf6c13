-- Senders made by the API, beside those of the catalog. Of a token only its SHA-256 is kept.
CREATE TABLE senders (
    name text PRIMARY KEY,
    digest bytea NOT NULL,
    types text[] NOT NULL,
    rate_per_second double precision,
    admin boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- JSON Schemas of event types put by the API, beside those of the catalog.
CREATE TABLE schemas (
    type text PRIMARY KEY,
    document jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Events accepted lately, by a hash of source and id. First claimed for a while, then accepted for the window.
CREATE TABLE accepted (
    key bytea PRIMARY KEY,
    claim uuid NOT NULL,
    claimed_until timestamptz NOT NULL,
    accepted_at timestamptz
);
CREATE INDEX accepted_by_age ON accepted (claimed_until);

-- Accepted events that are not due yet.
CREATE TABLE scheduled (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    due_at timestamptz NOT NULL,
    sender text NOT NULL,
    attributes jsonb NOT NULL,
    content_type text,
    body bytea NOT NULL,
    trace jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX scheduled_by_time ON scheduled (due_at, id);
