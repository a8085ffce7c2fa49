-- What every sale adds up is added up from an index alone, and a giver's limits are found without going through everybody
-- whom the giver is bound to.
DROP INDEX posting_person;
CREATE INDEX posting_person ON posting (person, centre, patient, pot, day, amount);
DROP INDEX posting_patient;
CREATE INDEX posting_patient ON posting (patient, centre, day, settlement, amount) WHERE person <> patient;
CREATE INDEX binding_limit ON binding (giver, limit_max, limit_used) WHERE active = 1 AND limit_all = 1 AND limit_max IS NOT NULL;
