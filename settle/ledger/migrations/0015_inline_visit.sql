-- A clinic's sale is asked for in line with several messages, from opening the visit (2201) to settling it (2207). The
-- intent stands for them all, under the id of the first; each is on disk here before it leaves, with what it names. The
-- settlement, or the orphan, takes them all over into its report's journal. An intent in state 'quoted' has told a split
-- (2206) and moved nothing: its visit is kept open for the settlement of the same sale.
CREATE TABLE intent_message (
    msgid  TEXT PRIMARY KEY,
    intent INTEGER NOT NULL REFERENCES intent (id),
    turn   INTEGER NOT NULL,
    infno  TEXT NOT NULL,
    state  TEXT NOT NULL,
    body   BLOB NOT NULL,
    sent   INTEGER NOT NULL,
    ended  INTEGER NOT NULL DEFAULT 0,
    fault  TEXT NOT NULL DEFAULT '',
    centre INTEGER NOT NULL,
    known  INTEGER NOT NULL,
    visit  TEXT NOT NULL,
    batch  TEXT NOT NULL,
    UNIQUE (intent, turn)
);
CREATE INDEX intent_quoted ON intent (sale_id, pos) WHERE state = 'quoted';
