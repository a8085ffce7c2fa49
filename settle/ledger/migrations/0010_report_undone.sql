-- What is not done yet in the order in which it was written: the outbox reads the beginning of it, however long it is.
CREATE INDEX report_open_order ON report (id) WHERE done = 0;
