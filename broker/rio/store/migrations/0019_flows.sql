-- Flows that the catalog's rules watch, by rule and by the subject of their events.
CREATE TABLE flows (
    rule text NOT NULL,
    subject text NOT NULL,
    -- When its events were accepted first, by this server's clock: the one that begins it, then that of each step.
    times timestamptz[] NOT NULL,
    traceparent text,
    outcome text CHECK (outcome IN ('complete', 'late', 'broken')),
    -- Of an open or a broken flow the step that is waited for, of a late one the first that was late.
    step smallint,
    is_overdue boolean NOT NULL DEFAULT false,
    is_finished boolean NOT NULL DEFAULT false,
    -- When to judge it again; until when to know it.
    look_at timestamptz,
    kept_until timestamptz,
    PRIMARY KEY (rule, subject)
);
CREATE INDEX flows_by_look ON flows (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX flows_by_end ON flows (kept_until) WHERE kept_until IS NOT NULL;
CREATE INDEX flows_unfinished ON flows (rule, step) WHERE NOT is_finished;

-- Each API process that notes events of flows, and up to when all that it accepted is noted.
CREATE TABLE flow_noters (
    process uuid PRIMARY KEY,
    noted_at timestamptz NOT NULL
);
