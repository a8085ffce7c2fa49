-- Bindings that the ledger ended by itself when the centre said that somebody died, was insured elsewhere or no more. Nothing
-- that the centre says of the same binding brings it back: only a newer one (bound_at) does. told: the centre has ended it
-- too. request is the report of it.
CREATE TABLE binding_end (
    id          INTEGER PRIMARY KEY,
    binding     TEXT NOT NULL,
    giver       INTEGER NOT NULL REFERENCES person (id),
    beneficiary INTEGER NOT NULL REFERENCES person (id),
    bound_at    INTEGER NOT NULL,
    last_day    INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    of_giver    INTEGER NOT NULL,
    told        INTEGER NOT NULL DEFAULT 0,
    revived     INTEGER NOT NULL DEFAULT 0,
    request     INTEGER NOT NULL REFERENCES request (id),
    record      INTEGER NOT NULL UNIQUE REFERENCES chain (seq),
    UNIQUE (binding, bound_at)
);
CREATE INDEX binding_end_giver ON binding_end (giver);
CREATE INDEX binding_end_beneficiary ON binding_end (beneficiary);

-- What was known of a person before the centre said otherwise: the sealed identity and the facts, as of a centre time.
CREATE TABLE person_history (
    id        INTEGER PRIMARY KEY,
    person    INTEGER NOT NULL REFERENCES person (id),
    as_of     INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    sealed    BLOB NOT NULL,
    insurance TEXT NOT NULL,
    status    TEXT NOT NULL,
    area      TEXT NOT NULL
);
CREATE INDEX person_history_person ON person_history (person, id);
