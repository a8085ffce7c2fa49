-- Schema 2: the figures of a booking beside its sealed value, in fen, so that sums by venue and day are SQL. They are null
-- in rows of programs that know schema 1 only; every newer program fills them in as it tidies up. Expands only.

ALTER TABLE centre_booking ADD COLUMN IF NOT EXISTS total bigint;
ALTER TABLE centre_booking ADD COLUMN IF NOT EXISTS fund bigint;
ALTER TABLE centre_booking ADD COLUMN IF NOT EXISTS own bigint;
ALTER TABLE centre_booking ADD COLUMN IF NOT EXISTS shared bigint;
ALTER TABLE centre_booking ADD COLUMN IF NOT EXISTS cash bigint;
