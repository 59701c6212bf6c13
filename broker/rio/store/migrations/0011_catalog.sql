ALTER TABLE subscriptions
    -- Whether the service catalog owns it, or it was put by the API.
    ADD COLUMN origin text NOT NULL DEFAULT 'api' CHECK (origin IN ('catalog', 'api')),
    -- When it left the catalog, or was last seen to have something waiting since. It takes no types any more.
    ADD COLUMN retired_at timestamptz,
    -- A part of what its signing secrets are derived from: another one for each time the id is taken.
    ADD COLUMN secret_salt text NOT NULL DEFAULT '';

-- Until now services put their subscriptions themselves: named like the service, to a path of the service.
UPDATE subscriptions SET origin = 'catalog'
WHERE owner <> '' AND (id = owner OR starts_with(id, owner || '-')) AND starts_with(sink, '/' || owner || '/');
