-- The holder's own mutual account (个人共济账户), a third pot where the region keeps it apart (S-255); 0 everywhere else.

ALTER TABLE account ADD COLUMN mutual INTEGER NOT NULL DEFAULT 0;
