-- Allowances. returned: every allowance that ends at or before this instant was given back to the centre and is not spent any
-- more. An allowance is known by its end: the centre gives no two of one account the same.
ALTER TABLE account ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_allowance ON account (allowance_until) WHERE allowance > 0 AND allowance_until > returned;

-- What the centre has still to be told of them.
CREATE TABLE allowance_return (
    person  INTEGER NOT NULL REFERENCES person (id),
    until   INTEGER NOT NULL,
    unspent INTEGER NOT NULL CHECK (unspent > 0),
    PRIMARY KEY (person, until)
) WITHOUT ROWID;

-- A snapshot that is too large for one transaction. It is gathered in staged, where nobody reads it; switched makes all of it
-- count at once; then it moves into the tables in small transactions, and whoever is asked for on the way moves at once.
CREATE TABLE staging (
    generation INTEGER PRIMARY KEY,
    id         TEXT NOT NULL,
    centre     INTEGER NOT NULL,
    whole      INTEGER NOT NULL, -- what it does not name is ended
    switched   INTEGER NOT NULL,
    facts      INTEGER NOT NULL
);

-- One fact each. pid is whose it is, the beneficiary of a binding; doc is sealed. n is its place in its list.
CREATE TABLE staged (
    id    INTEGER PRIMARY KEY,
    kind  INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    pid   BLOB NOT NULL,
    giver BLOB,
    ref   TEXT,
    doc   BLOB NOT NULL
);
CREATE INDEX staged_pid ON staged (pid, kind);
CREATE INDEX staged_giver ON staged (giver) WHERE giver IS NOT NULL;

-- Cards and identity numbers of people who are staged.
CREATE TABLE staged_key (
    hash BLOB NOT NULL,
    pid  BLOB NOT NULL,
    PRIMARY KEY (hash, pid)
) WITHOUT ROWID;
