-- What a sender made by the API may do beside emitting `types`; until an operator grants it, nothing.
ALTER TABLE senders
    ADD COLUMN reads text[] NOT NULL DEFAULT '{}',
    ADD COLUMN egress text[] NOT NULL DEFAULT '{}',
    ADD COLUMN sources text[] NOT NULL DEFAULT '{}';
