-- Folded by the program; empty in rows of programs that did not know them: then as the database folds ASCII.
ALTER TABLE accounts ADD COLUMN friendly_name_folded TEXT;
ALTER TABLE accounts ADD COLUMN owner_email_folded TEXT;

ALTER TABLE accounts ADD COLUMN cutoff INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN deleted_at INTEGER; -- the row stays, so that no id is used twice

-- The few accounts whose tokens were cut off: every look-up of a client asks whether one of them is on its path.
CREATE INDEX accounts_cutoff ON accounts (account_id, cutoff) WHERE cutoff > 0;
