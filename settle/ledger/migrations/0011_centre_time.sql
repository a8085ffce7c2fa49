-- The centre's time by which the absence of a message is proved; the PC's clock may be wrong by days. known: what the
-- centre's time was when the message was sent, by its last answer before and the monotonic clock since; answered: what the
-- answer to the message said. Milliseconds, 0: not known.
ALTER TABLE dispatch ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dispatch ADD COLUMN answered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intent ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
