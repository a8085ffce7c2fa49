-- Holding a day against the centre's book. What is compared is the journal of messages, by the centre's time of each.

CREATE INDEX dispatch_booked ON dispatch (centre) WHERE state = 'accepted';
CREATE INDEX dispatch_open ON dispatch (sent) WHERE state IN ('sent', 'unknown');

-- Which offices clear people insured in an area, as the centre's bookings have told.
CREATE TABLE clearing (
    area   TEXT NOT NULL,
    office TEXT NOT NULL,
    PRIMARY KEY (area, office)
) WITHOUT ROWID;

-- The latest outcome of each day. doc is the whole of it.
CREATE TABLE reconciliation (
    day      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    balanced INTEGER NOT NULL,
    doc      BLOB NOT NULL
);

-- The rows of that outcome that are not the same on both sides. attention is the item on the work list; NULL where the
-- rules decide it.
CREATE TABLE difference (
    day       INTEGER NOT NULL REFERENCES reconciliation (day),
    setl_id   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    attention INTEGER REFERENCES attention (id),
    PRIMARY KEY (day, setl_id, kind)
) WITHOUT ROWID;
