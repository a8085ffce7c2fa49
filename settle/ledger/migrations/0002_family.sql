-- Requests for bindings and contributions for relatives. They are reported, posted and evidenced like settlements, so the
-- three tables that belonged to a settlement learn to belong to them instead. SQLite cannot drop NOT NULL from a column:
-- each table is written anew under its name.

-- A request changes nothing by itself: what counts is the binding that the centre's confirmation writes. The ids of
-- requests and premiums travel to the centre, which knows this venue and not its tills: they are unique in the venue.
CREATE TABLE request (
    id          INTEGER PRIMARY KEY,
    pos         TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    action      TEXT NOT NULL,
    binding     TEXT NOT NULL,
    giver       INTEGER NOT NULL REFERENCES person (id),
    beneficiary INTEGER NOT NULL REFERENCES person (id),
    at          INTEGER NOT NULL,
    state       TEXT NOT NULL,
    answer      BLOB NOT NULL,
    record      INTEGER NOT NULL UNIQUE REFERENCES chain (seq)
);
CREATE UNIQUE INDEX request_id ON request (request_id);
CREATE INDEX request_open ON request (id) WHERE state = 'pending';
CREATE INDEX request_giver ON request (giver);
CREATE INDEX request_beneficiary ON request (beneficiary);

CREATE TABLE premium (
    id          INTEGER PRIMARY KEY,
    pos         TEXT NOT NULL,
    premium_id  TEXT NOT NULL,
    receipt     TEXT NOT NULL UNIQUE,
    payer       INTEGER NOT NULL REFERENCES person (id),
    beneficiary INTEGER NOT NULL REFERENCES person (id),
    kind        TEXT NOT NULL,
    year        INTEGER NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    at          INTEGER NOT NULL,
    day         INTEGER NOT NULL,
    cancelled   INTEGER NOT NULL DEFAULT 0,
    record      INTEGER NOT NULL UNIQUE REFERENCES chain (seq)
);
CREATE UNIQUE INDEX premium_id ON premium (premium_id);
CREATE INDEX premium_year ON premium (beneficiary, year, kind) WHERE cancelled = 0;

CREATE TABLE premium_cancel (
    id        INTEGER PRIMARY KEY,
    pos       TEXT NOT NULL,
    cancel_id TEXT NOT NULL,
    premium   INTEGER NOT NULL UNIQUE REFERENCES premium (id),
    receipt   TEXT NOT NULL UNIQUE,
    at        INTEGER NOT NULL,
    day       INTEGER NOT NULL,
    record    INTEGER NOT NULL UNIQUE REFERENCES chain (seq)
);
CREATE UNIQUE INDEX premium_cancel_id ON premium_cancel (cancel_id);

-- Who bought for whom: how many people's cards an agent brought on a day.
CREATE TABLE proxy (
    settlement INTEGER PRIMARY KEY REFERENCES settlement (id),
    agent      BLOB NOT NULL,
    day        INTEGER NOT NULL,
    patient    INTEGER NOT NULL REFERENCES person (id)
);
CREATE INDEX proxy_agent ON proxy (agent, day);

-- A report is of a settlement, of a return of one (refund is set too), of a premium or of a request.
CREATE TABLE report_new (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    settlement INTEGER REFERENCES settlement (id),
    refund     INTEGER REFERENCES refund (id),
    premium    INTEGER REFERENCES premium (id),
    request    INTEGER REFERENCES request (id),
    person     INTEGER NOT NULL REFERENCES person (id),
    state      TEXT NOT NULL,
    done       INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    next       INTEGER NOT NULL,
    fault      TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    record     INTEGER NOT NULL UNIQUE REFERENCES chain (seq),
    CHECK ((settlement IS NOT NULL) + (premium IS NOT NULL) + (request IS NOT NULL) = 1)
);
INSERT INTO report_new (id, kind, settlement, refund, person, state, done, created, attempts, next, fault, amount, record)
    SELECT id, kind, settlement, refund, person, state, done, created, attempts, next, fault, amount, record FROM report;
DROP TABLE report;
ALTER TABLE report_new RENAME TO report;
CREATE INDEX report_open ON report (person, id) WHERE done = 0;
CREATE INDEX report_refused ON report (id) WHERE state = 'refused';
CREATE INDEX report_settlement ON report (settlement, kind);
CREATE INDEX report_premium ON report (premium) WHERE premium IS NOT NULL;
CREATE INDEX report_request ON report (request) WHERE request IS NOT NULL;

-- patient is whose bill or contribution was paid. leg as before; a cancelled contribution has one leg, 1.
CREATE TABLE posting_new (
    id         INTEGER PRIMARY KEY,
    record     INTEGER NOT NULL REFERENCES chain (seq),
    report     INTEGER NOT NULL REFERENCES report (id),
    settlement INTEGER REFERENCES settlement (id),
    premium    INTEGER REFERENCES premium (id),
    leg        INTEGER NOT NULL,
    person     INTEGER NOT NULL REFERENCES person (id),
    patient    INTEGER NOT NULL REFERENCES person (id),
    pot        TEXT NOT NULL,
    day        INTEGER NOT NULL,
    amount     INTEGER NOT NULL,
    after      INTEGER NOT NULL,
    centre     INTEGER NOT NULL,
    CHECK ((settlement IS NOT NULL) + (premium IS NOT NULL) = 1)
);
INSERT INTO posting_new (id, record, report, settlement, leg, person, patient, pot, day, amount, after, centre)
    SELECT id, record, report, settlement, leg, person, patient, pot, day, amount, after, centre FROM posting;
DROP TABLE posting;
ALTER TABLE posting_new RENAME TO posting;
CREATE INDEX posting_person ON posting (person, centre);
CREATE INDEX posting_patient ON posting (patient, centre) WHERE person <> patient;
CREATE INDEX posting_report ON posting (report);

CREATE TABLE presence_new (
    record     INTEGER PRIMARY KEY REFERENCES chain (seq),
    settlement INTEGER REFERENCES settlement (id),
    reader     TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    card       BLOB NOT NULL,
    person_check TEXT NOT NULL,
    matched_at INTEGER NOT NULL
);
INSERT INTO presence_new SELECT record, settlement, reader, seq, kind, card, person_check, matched_at FROM presence;
DROP TABLE presence;
ALTER TABLE presence_new RENAME TO presence;
