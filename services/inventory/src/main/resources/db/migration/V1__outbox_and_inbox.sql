-- The same in every service: the relay ships what the outbox holds, the inbox makes consumption idempotent.
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    type text NOT NULL,
    source text NOT NULL,
    subject text NOT NULL,
    time timestamptz NOT NULL DEFAULT now(),
    data jsonb NOT NULL,
    traceparent text,
    tracestate text,
    refusal text
);
CREATE TABLE inbox (
    source text NOT NULL,
    id text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id)
);
CREATE INDEX inbox_received_at ON inbox (received_at);
CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('outbox', ''); RETURN NULL; END $$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
CREATE INDEX outbox_refused ON outbox (subject, position) WHERE refusal IS NOT NULL;
GRANT SELECT, UPDATE, DELETE ON outbox TO relay;
GRANT SELECT, DELETE ON inbox TO relay;
