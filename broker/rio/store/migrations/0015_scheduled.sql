-- How many events are scheduled: kept by the statements that change it, as counting up to 100,000 rows for each
-- event that is scheduled takes longer than everything else about it.
CREATE TABLE scheduled_total (events bigint NOT NULL);
LOCK TABLE scheduled IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO scheduled_total SELECT count(*) FROM scheduled;

CREATE FUNCTION scheduled_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE scheduled_total SET events = events + (SELECT count(*) FROM added);
    RETURN NULL;
END $$;
CREATE FUNCTION scheduled_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE scheduled_total SET events = events - (SELECT count(*) FROM removed);
    RETURN NULL;
END $$;
CREATE TRIGGER scheduled_added AFTER INSERT ON scheduled
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION scheduled_added();
CREATE TRIGGER scheduled_removed AFTER DELETE ON scheduled
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION scheduled_removed();
