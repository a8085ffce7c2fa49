-- The centre time of the newest word of the feed on a person. as_of is that of the newest word of all, and 1101, which knows less,
-- is one: a death or a lost card that the feed tells with an earlier time than 1101's has not been heard yet. 0: as an older
-- version left it.
ALTER TABLE person ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
