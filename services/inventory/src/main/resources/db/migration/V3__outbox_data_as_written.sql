-- jsonb wrote the numbers of events anew; json keeps every digit.
ALTER TABLE outbox ALTER COLUMN data TYPE json USING data::json;
