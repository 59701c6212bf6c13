-- Until when sinks asked to be left alone (Retry-After): for every dispatcher, and for the same one after a restart.
-- Of a sink the SHA-256: its query often holds a secret. Lost with a crash, asked for again by the sink.
CREATE UNLOGGED TABLE sink_holds (
    sink bytea PRIMARY KEY,
    until timestamptz NOT NULL
);
