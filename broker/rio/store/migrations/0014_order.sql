-- Dead letters are listed, replayed and discarded in the order they died in, all of them or those of a kind. By
-- their ids alone a list up to some time had to read all that died since.
DROP INDEX dead_letters_by_age, dead_letters_by_subscription, dead_letters_by_type;
CREATE INDEX dead_letters_by_age ON dead_letters (died_at, id);
CREATE INDEX dead_letters_by_subscription ON dead_letters (subscription, died_at, id);
CREATE INDEX dead_letters_by_type ON dead_letters (event_type, died_at, id);
