-- A clinic reports a settlement with several messages, one after the other. visit is the mdtrt_id and batch the
-- chrg_bchno that a message names (2201: that it was answered); turn is the message's place in the journal of its report,
-- which neither a clock nor a wrapping counter can change.

ALTER TABLE dispatch ADD COLUMN visit TEXT NOT NULL DEFAULT '';
ALTER TABLE dispatch ADD COLUMN batch TEXT NOT NULL DEFAULT '';
ALTER TABLE dispatch ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;

-- What went over the counter, with its trace codes, for the centre (3505) and what came back (3506). No money is in it,
-- so it has tables of its own: it never stands in the way of a report. report is the one whose acceptance it follows.

CREATE TABLE upload (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    report     INTEGER NOT NULL UNIQUE REFERENCES report (id),
    settlement INTEGER NOT NULL REFERENCES settlement (id),
    setl_id    TEXT NOT NULL,
    state      TEXT NOT NULL,
    done       INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    next       INTEGER NOT NULL,
    fault      TEXT NOT NULL
);
CREATE INDEX upload_open ON upload (settlement, id) WHERE done = 0;
CREATE INDEX upload_settlement ON upload (settlement, kind);

CREATE TABLE upload_row (
    upload INTEGER NOT NULL REFERENCES upload (id),
    n      INTEGER NOT NULL,
    line   TEXT NOT NULL,
    state  TEXT NOT NULL,
    fault  TEXT NOT NULL,
    PRIMARY KEY (upload, n)
) WITHOUT ROWID;

CREATE TABLE upload_message (
    msgid  TEXT PRIMARY KEY,
    upload INTEGER NOT NULL REFERENCES upload (id),
    infno  TEXT NOT NULL,
    lines  TEXT NOT NULL,
    state  TEXT NOT NULL,
    body   BLOB NOT NULL,
    sent   INTEGER NOT NULL,
    ended  INTEGER NOT NULL,
    fault  TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX upload_message_upload ON upload_message (upload);
CREATE INDEX upload_message_sent ON upload_message (state) WHERE state = 'sent';

ALTER TABLE attention ADD COLUMN upload INTEGER REFERENCES upload (id);
CREATE UNIQUE INDEX attention_upload ON attention (upload, kind) WHERE closed IS NULL AND upload IS NOT NULL;
