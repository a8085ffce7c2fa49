-- How much of a pack a line took, in billionths of a pack: an opened pack (拆零) is sold in parts, and no more than all of it.
-- What was sold in parts before this version is not counted, since nothing says how much it was.
ALTER TABLE trace ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
UPDATE trace SET part = 1000000000 WHERE split_pack = 0;
