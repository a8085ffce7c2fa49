-- What the centre booked otherwise than we did, and what a person decided about a sale that it refused. The settlement's own
-- figures never change; what has been added to them since stands beside them, and so does what of the cash nobody has paid.
--
-- SQLite cannot change a CHECK: the table is written anew under its name.
CREATE TABLE settlement_new (
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
    adj_fund   INTEGER NOT NULL DEFAULT 0,
    adj_own    INTEGER NOT NULL DEFAULT 0,
    adj_shared INTEGER NOT NULL DEFAULT 0,
    adj_cash   INTEGER NOT NULL DEFAULT 0,
    cash_open  INTEGER NOT NULL DEFAULT 0, -- to be collected from the patient, or negative: to be paid back
    cash_lost  INTEGER NOT NULL DEFAULT 0, -- of the cash, written off: the patient never paid it
    CHECK (total = fund + own + shared + cash),
    CHECK (adj_fund + adj_own + adj_shared + adj_cash = 0),
    CHECK (back_total <= total AND back_fund <= fund + adj_fund AND back_own <= own + adj_own
        AND back_shared <= shared + adj_shared AND back_cash <= cash + adj_cash),
    CHECK (cash_lost >= 0 AND MAX(cash_open, 0) + cash_lost <= cash + adj_cash - back_cash)
);
INSERT INTO settlement_new (id, ref, pos, sale_id, receipt, person, at, day, med_type, med_group, disease, area, total, fund, own,
        shared, cash, back_total, back_fund, back_own, back_shared, back_cash, shop, offline, at_risk, booking, record)
    SELECT id, ref, pos, sale_id, receipt, person, at, day, med_type, med_group, disease, area, total, fund, own,
        shared, cash, back_total, back_fund, back_own, back_shared, back_cash, shop, offline, at_risk, booking, record FROM settlement;
DROP TABLE settlement;
ALTER TABLE settlement_new RENAME TO settlement;
CREATE UNIQUE INDEX settlement_sale ON settlement (sale_id, pos);
CREATE INDEX settlement_person ON settlement (person, day);
CREATE INDEX settlement_day ON settlement (day);
CREATE INDEX settlement_med_type ON settlement (med_type, day);
CREATE INDEX settlement_area ON settlement (area, day);
CREATE INDEX settlement_shop ON settlement (shop, day) WHERE shop <> 'settled';

-- transit: the goods were back before the centre booked the sale. The difference comes with the booking and goes with its
-- cancellation, and neither the settlement's figures nor anybody's cash has to do with it.
CREATE TABLE adjustment (
    id         INTEGER PRIMARY KEY,
    ref        TEXT NOT NULL UNIQUE,
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    report     INTEGER NOT NULL REFERENCES report (id),
    cause      TEXT NOT NULL,
    transit    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    fund       INTEGER NOT NULL,
    own        INTEGER NOT NULL,
    shared     INTEGER NOT NULL,
    cash       INTEGER NOT NULL,
    open       INTEGER NOT NULL,
    lost       INTEGER NOT NULL,
    record     INTEGER NOT NULL UNIQUE REFERENCES chain (seq),
    CHECK (fund + own + shared + cash = 0),
    CHECK (transit = 0 OR (open = 0 AND lost = 0))
);
CREATE INDEX adjustment_settlement ON adjustment (settlement);

-- What a return took off the cash that was still open, or written off, instead of handing it out.
ALTER TABLE refund ADD COLUMN open_back INTEGER NOT NULL DEFAULT 0 CHECK (open_back >= 0);
ALTER TABLE refund ADD COLUMN lost_back INTEGER NOT NULL DEFAULT 0 CHECK (lost_back >= 0 AND open_back + lost_back <= cash);

-- What was decided, and the record of it in the chain.
ALTER TABLE attention ADD COLUMN decision TEXT NOT NULL DEFAULT '';
ALTER TABLE attention ADD COLUMN record INTEGER REFERENCES chain (seq);

-- The instant by which the centre puts a row on a day: its setl_time where it told one, else the time of its answer; 0 where
-- it told neither. The index by the answer's time gives way to one by this.
ALTER TABLE dispatch ADD COLUMN booked INTEGER NOT NULL DEFAULT 0;
UPDATE dispatch SET booked = centre WHERE state = 'accepted';
DROP INDEX dispatch_booked;
CREATE INDEX dispatch_day ON dispatch (booked) WHERE state = 'accepted';

-- A month that the finance desk has closed: every day of it agrees.
CREATE TABLE closing (
    month  INTEGER PRIMARY KEY, -- yyyymm
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    record INTEGER NOT NULL UNIQUE REFERENCES chain (seq)
);
