-- Trace codes that came back with a return, until the centre has been told so (3506): whoever sells the pack again is reported
-- (3505) after that.
CREATE TABLE trace_back (
	code   TEXT    NOT NULL,
	report INTEGER NOT NULL, -- of the return
	PRIMARY KEY (code, report)
) WITHOUT ROWID;
CREATE INDEX trace_back_report ON trace_back (report);
