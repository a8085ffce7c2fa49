-- What the centre tells of a binding beside what decides: how the giver was authenticated, and the number of the household
-- network (家庭共济网). Sealed; NULL where it told nothing.
ALTER TABLE binding ADD COLUMN told BLOB;
