-- Amounts are integer fen, instants integer milliseconds since 1970 UTC, days integer yyyymmdd in Beijing. People are
-- small integers inside; what names them outside (pid) is a keyed hash, what must be readable again is sealed.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- What the centre told: people, cards, accounts, bindings, usage. as_of is the centre time of the snapshot that wrote
-- the row; contains is the centre time up to which this venue's own settlements are inside the amounts of the row.

CREATE TABLE person (
    id         INTEGER PRIMARY KEY,
    pid        BLOB NOT NULL UNIQUE,
    certno     BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    masked     TEXT NOT NULL,
    insurance  TEXT NOT NULL,
    status     TEXT NOT NULL,
    area       TEXT NOT NULL,
    waiting    INTEGER NOT NULL,
    as_of      INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    gone       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX person_certno ON person (certno);

CREATE TABLE card (
    hash    BLOB PRIMARY KEY,
    person  INTEGER NOT NULL REFERENCES person (id),
    status  TEXT NOT NULL,
    expires INTEGER NOT NULL,
    as_of   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX card_person ON card (person);

CREATE TABLE account (
    person          INTEGER PRIMARY KEY REFERENCES person (id),
    status          TEXT NOT NULL,
    two_pots        INTEGER NOT NULL,
    balance         INTEGER NOT NULL,
    current         INTEGER NOT NULL,
    prior           INTEGER NOT NULL,
    frozen          INTEGER NOT NULL,
    reserved        INTEGER NOT NULL,
    limit_max       INTEGER,
    limit_used      INTEGER NOT NULL,
    allowance       INTEGER NOT NULL,
    allowance_until INTEGER NOT NULL,
    contains        INTEGER NOT NULL,
    as_of           INTEGER NOT NULL,
    generation      INTEGER NOT NULL,
    gone            INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE binding (
    ref         TEXT PRIMARY KEY,
    giver       INTEGER NOT NULL REFERENCES person (id),
    beneficiary INTEGER NOT NULL REFERENCES person (id),
    relation    TEXT NOT NULL,
    rank        INTEGER NOT NULL,
    bound_at    INTEGER NOT NULL,
    valid_from  INTEGER NOT NULL,
    valid_to    INTEGER NOT NULL,
    mode        TEXT NOT NULL,
    quota_total INTEGER NOT NULL,
    quota_used  INTEGER NOT NULL,
    limit_max   INTEGER,
    limit_used  INTEGER NOT NULL,
    limit_all   INTEGER NOT NULL,
    active      INTEGER NOT NULL,
    contains    INTEGER NOT NULL,
    as_of       INTEGER NOT NULL,
    generation  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX binding_beneficiary ON binding (beneficiary) WHERE active = 1;
CREATE INDEX binding_giver ON binding (giver);

CREATE TABLE usage (
    person       INTEGER PRIMARY KEY REFERENCES person (id),
    day_shared   INTEGER NOT NULL,
    month_shared INTEGER NOT NULL,
    year_shared  INTEGER NOT NULL,
    day          INTEGER NOT NULL,
    contains     INTEGER NOT NULL,
    as_of        INTEGER NOT NULL
);

CREATE TABLE snapshot (
    id      TEXT PRIMARY KEY,
    centre  INTEGER NOT NULL,
    applied INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX snapshot_applied ON snapshot (applied);

-- The chain: every money record once, sealed, each hash over the one before. The tables below it hold what is asked
-- for by column; verification compares them with the chain.

CREATE TABLE chain (
    seq  INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    ref  TEXT NOT NULL,
    doc  BLOB NOT NULL,
    hash BLOB NOT NULL
);

CREATE TABLE settlement (
    id         INTEGER PRIMARY KEY,
    ref        TEXT NOT NULL UNIQUE,
    pos        TEXT NOT NULL,
    sale_id    TEXT NOT NULL,
    receipt    TEXT NOT NULL UNIQUE,
    person     INTEGER NOT NULL REFERENCES person (id),
    at         INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    med_type   TEXT NOT NULL,
    med_group  TEXT NOT NULL,
    disease    TEXT NOT NULL,
    area       TEXT NOT NULL,
    total      INTEGER NOT NULL,
    fund       INTEGER NOT NULL,
    own        INTEGER NOT NULL,
    shared     INTEGER NOT NULL,
    cash       INTEGER NOT NULL,
    back_total  INTEGER NOT NULL DEFAULT 0,
    back_fund   INTEGER NOT NULL DEFAULT 0,
    back_own    INTEGER NOT NULL DEFAULT 0,
    back_shared INTEGER NOT NULL DEFAULT 0,
    back_cash   INTEGER NOT NULL DEFAULT 0,
    shop       TEXT NOT NULL,
    offline    INTEGER NOT NULL,
    at_risk    INTEGER NOT NULL,
    booking    BLOB,
    record     INTEGER NOT NULL UNIQUE REFERENCES chain (seq),
    CHECK (total = fund + own + shared + cash),
    CHECK (back_total <= total AND back_fund <= fund AND back_own <= own AND back_shared <= shared AND back_cash <= cash)
);
CREATE UNIQUE INDEX settlement_sale ON settlement (sale_id, pos);
CREATE INDEX settlement_person ON settlement (person, day);
CREATE INDEX settlement_day ON settlement (day);

CREATE TABLE line (
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    n          INTEGER NOT NULL,
    code       TEXT NOT NULL,
    class      TEXT NOT NULL,
    quantity   TEXT NOT NULL,
    total      INTEGER NOT NULL,
    fund       INTEGER NOT NULL,
    cash       INTEGER NOT NULL,
    PRIMARY KEY (settlement, n)
) WITHOUT ROWID;

CREATE TABLE refund (
    id         INTEGER PRIMARY KEY,
    pos        TEXT NOT NULL,
    return_id  TEXT NOT NULL,
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    receipt    TEXT NOT NULL UNIQUE,
    at         INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    whole      INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    fund       INTEGER NOT NULL,
    own        INTEGER NOT NULL,
    shared     INTEGER NOT NULL,
    cash       INTEGER NOT NULL,
    record     INTEGER NOT NULL UNIQUE REFERENCES chain (seq),
    CHECK (total = fund + own + shared + cash)
);
CREATE UNIQUE INDEX refund_id ON refund (return_id, pos);
CREATE INDEX refund_settlement ON refund (settlement);

-- leg: 0 the settlement, 1 what a return takes back (the centre's cancellation), 2 what stays paid after it (the
-- centre's new booking). Each leg reaches the centre with a message of its own and is contained from its own time on.
-- centre is that time; 9223372036854775807 while the centre has not acknowledged the leg.

CREATE TABLE posting (
    id         INTEGER PRIMARY KEY,
    record     INTEGER NOT NULL REFERENCES chain (seq),
    report     INTEGER NOT NULL REFERENCES report (id),
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    leg        INTEGER NOT NULL,
    person     INTEGER NOT NULL REFERENCES person (id),
    patient    INTEGER NOT NULL REFERENCES person (id),
    pot        TEXT NOT NULL,
    day        INTEGER NOT NULL,
    amount     INTEGER NOT NULL,
    after      INTEGER NOT NULL,
    centre     INTEGER NOT NULL
);
CREATE INDEX posting_person ON posting (person, centre);
CREATE INDEX posting_patient ON posting (patient, centre) WHERE person <> patient;
CREATE INDEX posting_report ON posting (report);

CREATE TABLE presence (
    record     INTEGER PRIMARY KEY REFERENCES chain (seq),
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    reader     TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    card       BLOB NOT NULL,
    person_check TEXT NOT NULL,
    matched_at INTEGER NOT NULL
);

CREATE TABLE trace (
    code       TEXT NOT NULL,
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    line       TEXT NOT NULL,
    split_pack INTEGER NOT NULL,
    PRIMARY KEY (code, settlement, line)
) WITHOUT ROWID;
CREATE INDEX trace_settlement ON trace (settlement);

CREATE TABLE report (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    refund     INTEGER REFERENCES refund (id),
    person     INTEGER NOT NULL REFERENCES person (id),
    state      TEXT NOT NULL,
    done       INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    next       INTEGER NOT NULL,
    fault      TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    record     INTEGER NOT NULL UNIQUE REFERENCES chain (seq)
);
CREATE INDEX report_open ON report (person, id) WHERE done = 0;
CREATE INDEX report_refused ON report (id) WHERE state = 'refused';
CREATE INDEX report_settlement ON report (settlement, kind);

CREATE TABLE dispatch (
    msgid     TEXT PRIMARY KEY,
    report    INTEGER NOT NULL REFERENCES report (id),
    infno     TEXT NOT NULL,
    original  TEXT NOT NULL,
    state     TEXT NOT NULL,
    body      BLOB NOT NULL,
    sent      INTEGER NOT NULL,
    ended     INTEGER NOT NULL,
    fault     TEXT NOT NULL,
    centre    INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0, -- this message cancelled the booking
    undone_by TEXT NOT NULL DEFAULT '',
    record    INTEGER REFERENCES chain (seq)
) WITHOUT ROWID;
CREATE INDEX dispatch_report ON dispatch (report);
CREATE INDEX dispatch_sent ON dispatch (state) WHERE state = 'sent';

CREATE TABLE attention (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    settlement INTEGER REFERENCES settlement (id),
    report     INTEGER REFERENCES report (id),
    opened     INTEGER NOT NULL,
    detail     BLOB NOT NULL,
    closed     INTEGER,
    closed_by  TEXT NOT NULL DEFAULT '',
    note       BLOB
);
CREATE UNIQUE INDEX attention_open ON attention (report, kind) WHERE closed IS NULL;

CREATE TABLE incident (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    person INTEGER REFERENCES person (id),
    card   BLOB NOT NULL,
    reader TEXT NOT NULL,
    pos    TEXT NOT NULL,
    detail BLOB NOT NULL
);
CREATE INDEX incident_at ON incident (at);
