-- What of a posting an allowance guarantees. Until the centre has booked it, other sales must leave that much of the allowance
-- alone. 0 for what an older version settled.
ALTER TABLE posting ADD COLUMN covered INTEGER NOT NULL DEFAULT 0;
