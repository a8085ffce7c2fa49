-- Messages that ask the centre to settle a sale while the patient waits. An intent is on disk before the message leaves;
-- the settlement that comes of it takes the message over into its report's journal and the intent is gone. What no
-- settlement came of is an orphan: a report of its own has the message undone. refused and unsent are kept as they ended.
CREATE TABLE intent (
    id      INTEGER PRIMARY KEY,
    msgid   TEXT NOT NULL UNIQUE,
    infno   TEXT NOT NULL,
    pos     TEXT NOT NULL,
    sale_id TEXT NOT NULL,
    person  INTEGER NOT NULL REFERENCES person (id),
    state   TEXT NOT NULL, -- sent, refused, unsent, orphan
    body    BLOB NOT NULL,
    doc     BLOB NOT NULL,
    sent    INTEGER NOT NULL,
    ended   INTEGER NOT NULL DEFAULT 0,
    fault   TEXT NOT NULL DEFAULT '',
    centre  INTEGER NOT NULL,
    record  INTEGER UNIQUE REFERENCES chain (seq)
);
CREATE INDEX intent_sent ON intent (person) WHERE state = 'sent';

-- A report may be of an intent; SQLite cannot change a CHECK, so the table is written anew under its name.
CREATE TABLE report_new (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    settlement INTEGER REFERENCES settlement (id),
    refund     INTEGER REFERENCES refund (id),
    premium    INTEGER REFERENCES premium (id),
    request    INTEGER REFERENCES request (id),
    intent     INTEGER REFERENCES intent (id),
    person     INTEGER NOT NULL REFERENCES person (id),
    state      TEXT NOT NULL,
    done       INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    next       INTEGER NOT NULL,
    fault      TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    record     INTEGER NOT NULL UNIQUE REFERENCES chain (seq),
    CHECK ((settlement IS NOT NULL) + (premium IS NOT NULL) + (request IS NOT NULL) + (intent IS NOT NULL) = 1)
);
INSERT INTO report_new (id, kind, settlement, refund, premium, request, person, state, done, created, attempts, next, fault, amount, record)
    SELECT id, kind, settlement, refund, premium, request, person, state, done, created, attempts, next, fault, amount, record FROM report;
DROP TABLE report;
ALTER TABLE report_new RENAME TO report;
CREATE INDEX report_open ON report (person, id) WHERE done = 0;
CREATE INDEX report_refused ON report (id) WHERE state = 'refused';
CREATE INDEX report_settlement ON report (settlement, kind);
CREATE INDEX report_premium ON report (premium) WHERE premium IS NOT NULL;
CREATE INDEX report_request ON report (request) WHERE request IS NOT NULL;
CREATE INDEX report_intent ON report (intent) WHERE intent IS NOT NULL;
CREATE INDEX report_state ON report (state, settlement) WHERE state <> 'accepted';
