-- In which order flows were noted first: beyond a number of rows the oldest go.
ALTER TABLE flows ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE INDEX flows_by_number ON flows (number);
