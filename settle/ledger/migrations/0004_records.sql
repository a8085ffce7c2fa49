-- Finding settlements again by what is known of them. What identifies somebody (a name, a doctor, who worked the till) is
-- a word: a keyed hash to find it by, and its text sealed. Rows here hold numbers of words only.

CREATE TABLE word (
    id   INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    hash BLOB NOT NULL,
    text BLOB NOT NULL -- sealed; empty for a patient, whose name is read where it is kept
);
CREATE UNIQUE INDEX word_hash ON word (hash, kind);
CREATE INDEX word_kind ON word (kind);

-- Under which words a settlement can be found. The key is in the order in which pages are read.
CREATE TABLE found (
    word       INTEGER NOT NULL REFERENCES word (id),
    day        INTEGER NOT NULL,
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    PRIMARY KEY (word, day, settlement)
) WITHOUT ROWID;

-- By what sales and returns are summed besides the columns of their own. A return counts for the operator who made it.
CREATE TABLE sale_word (
    settlement INTEGER PRIMARY KEY REFERENCES settlement (id),
    terminal   INTEGER NOT NULL REFERENCES word (id),
    operator   INTEGER NOT NULL REFERENCES word (id),
    disease    INTEGER REFERENCES word (id)
);
CREATE TABLE refund_word (
    refund   INTEGER PRIMARY KEY REFERENCES refund (id),
    operator INTEGER NOT NULL REFERENCES word (id)
);

-- What relatives paid (or got back, negative) by relation, and what came back by class of goods.
CREATE TABLE relation_sum (
    record   INTEGER NOT NULL REFERENCES chain (seq),
    relation TEXT NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (record, relation)
) WITHOUT ROWID;
CREATE TABLE refund_class (
    refund INTEGER NOT NULL REFERENCES refund (id),
    class  TEXT NOT NULL,
    total  INTEGER NOT NULL,
    fund   INTEGER NOT NULL,
    PRIMARY KEY (refund, class)
) WITHOUT ROWID;

CREATE INDEX settlement_med_type ON settlement (med_type, day);
CREATE INDEX settlement_area ON settlement (area, day);
CREATE INDEX settlement_shop ON settlement (shop, day) WHERE shop <> 'settled';
CREATE INDEX report_state ON report (state, settlement) WHERE state <> 'accepted';
CREATE INDEX refund_day ON refund (day);

-- How often a slip was printed.
CREATE TABLE slip (
    receipt TEXT NOT NULL,
    n       INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    pos     TEXT NOT NULL,
    form    TEXT NOT NULL,
    PRIMARY KEY (receipt, n)
) WITHOUT ROWID;
