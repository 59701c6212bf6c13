-- What each dispatcher tells of the oldest message it has in hand. Lost with a crash, told again in seconds.
CREATE UNLOGGED TABLE oldest (
    dispatcher text PRIMARY KEY,
    subscription text NOT NULL,
    accepted_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL
);
