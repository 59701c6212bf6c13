-- How many dead letters a subscription has and what they take: kept by the statements that change them, as
-- counting and summing up millions of rows every few seconds takes longer than a statement may.
CREATE TABLE dead_letter_totals (
    subscription text PRIMARY KEY,
    letters bigint NOT NULL,
    bytes bigint NOT NULL
);
LOCK TABLE dead_letters IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO dead_letter_totals SELECT subscription, count(*), sum(bytes) FROM dead_letters GROUP BY subscription;

-- In one order everywhere, so that two statements never wait for each other's rows.
CREATE FUNCTION dead_letters_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dead_letter_totals AS totals
    SELECT subscription, count(*), sum(bytes) FROM added GROUP BY subscription ORDER BY subscription
    ON CONFLICT (subscription) DO UPDATE
        SET letters = totals.letters + excluded.letters, bytes = totals.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE FUNCTION dead_letters_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dead_letter_totals AS totals
    SELECT subscription, -count(*), -sum(bytes) FROM removed GROUP BY subscription ORDER BY subscription
    ON CONFLICT (subscription) DO UPDATE
        SET letters = totals.letters + excluded.letters, bytes = totals.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE FUNCTION dead_letters_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dead_letter_totals AS totals
    SELECT subscription, sum(letters), sum(bytes) FROM (
        SELECT subscription, 1 AS letters, bytes FROM added
        UNION ALL SELECT subscription, -1, -bytes FROM removed
    ) AS changed GROUP BY subscription ORDER BY subscription
    ON CONFLICT (subscription) DO UPDATE
        SET letters = totals.letters + excluded.letters, bytes = totals.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE TRIGGER dead_letters_added AFTER INSERT ON dead_letters
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION dead_letters_added();
CREATE TRIGGER dead_letters_removed AFTER DELETE ON dead_letters
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION dead_letters_removed();
CREATE TRIGGER dead_letters_changed AFTER UPDATE ON dead_letters
    REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION dead_letters_changed();

DROP INDEX dead_letters_by_size;
CREATE INDEX dead_letters_by_type ON dead_letters (event_type, id);
CREATE INDEX replays_by_age ON replays (finished_at);
