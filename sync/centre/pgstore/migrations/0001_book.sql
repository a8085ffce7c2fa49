-- Schema 1: the centre's book, one table for each kind of records.
--
-- id and the columns that name people are keyed hashes, value is sealed: both with the centre's key, which is not here.
-- ends is in milliseconds since 1970; a record may be dropped afterwards. Every statement may be run again.

CREATE TABLE IF NOT EXISTS centre_person (
  id text PRIMARY KEY,
  certno text NOT NULL,
  ends bigint,
  value bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS centre_person_certno ON centre_person (certno);

CREATE TABLE IF NOT EXISTS centre_card (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS centre_account (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
) WITH (fillfactor = 60);

CREATE TABLE IF NOT EXISTS centre_binding (
  id text PRIMARY KEY,
  giver text NOT NULL,
  beneficiary text NOT NULL,
  ends bigint,
  value bytea NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX IF NOT EXISTS centre_binding_giver ON centre_binding (giver);
CREATE INDEX IF NOT EXISTS centre_binding_beneficiary ON centre_binding (beneficiary);

CREATE TABLE IF NOT EXISTS centre_booking (
  id text PRIMARY KEY,
  msgid text NOT NULL,
  mdtrt_id text NOT NULL,
  person_year text NOT NULL,
  venue_day text NOT NULL,
  ends bigint,
  value bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS centre_booking_msgid ON centre_booking (msgid);
CREATE INDEX IF NOT EXISTS centre_booking_mdtrt_id ON centre_booking (mdtrt_id);
CREATE INDEX IF NOT EXISTS centre_booking_person_year ON centre_booking (person_year);
CREATE INDEX IF NOT EXISTS centre_booking_venue_day ON centre_booking (venue_day);

CREATE TABLE IF NOT EXISTS centre_message (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS centre_sign_in (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS centre_sign_in_ends ON centre_sign_in (ends);

CREATE TABLE IF NOT EXISTS centre_request (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS centre_premium (
  id text PRIMARY KEY,
  beneficiary text NOT NULL,
  ends bigint,
  value bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS centre_premium_beneficiary ON centre_premium (beneficiary);

CREATE TABLE IF NOT EXISTS centre_visit (
  id text PRIMARY KEY,
  venue_no text NOT NULL,
  person text NOT NULL,
  ends bigint,
  value bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS centre_visit_venue_no ON centre_visit (venue_no);
CREATE INDEX IF NOT EXISTS centre_visit_person ON centre_visit (person);

CREATE TABLE IF NOT EXISTS centre_trace (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS centre_mapped (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS centre_claim (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS centre_file (
  id text PRIMARY KEY,
  venue text NOT NULL,
  ends bigint,
  value bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS centre_file_venue ON centre_file (venue);
CREATE INDEX IF NOT EXISTS centre_file_ends ON centre_file (ends);

CREATE TABLE IF NOT EXISTS centre_content (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS centre_content_ends ON centre_content (ends);

CREATE TABLE IF NOT EXISTS centre_spent (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS centre_spent_ends ON centre_spent (ends);

CREATE TABLE IF NOT EXISTS centre_allowance (
  id text PRIMARY KEY,
  account text NOT NULL,
  release text NOT NULL,
  ends bigint,
  value bytea NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX IF NOT EXISTS centre_allowance_account ON centre_allowance (account);
CREATE INDEX IF NOT EXISTS centre_allowance_release ON centre_allowance (release);

CREATE TABLE IF NOT EXISTS centre_seen (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
) WITH (fillfactor = 60);

CREATE TABLE IF NOT EXISTS centre_venue (
  id text PRIMARY KEY,
  ends bigint,
  value bytea NOT NULL
) WITH (fillfactor = 60);

-- What changed, for the delta. A change waits in centre_pending until its transaction is committed and somebody numbers it.
CREATE TABLE IF NOT EXISTS centre_change (
  id text PRIMARY KEY,
  kind text NOT NULL,
  name bytea NOT NULL,
  number bigint NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX IF NOT EXISTS centre_change_number ON centre_change (number);

CREATE TABLE IF NOT EXISTS centre_pending (
  id text PRIMARY KEY,
  change_id text NOT NULL,
  kind text NOT NULL,
  name bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS centre_counter (
  name text PRIMARY KEY,
  value bigint NOT NULL
);
INSERT INTO centre_counter (name, value) VALUES ('change', 0), ('serial', 0) ON CONFLICT (name) DO NOTHING;
