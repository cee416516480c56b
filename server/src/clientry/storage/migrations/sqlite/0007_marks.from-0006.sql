-- What the marks of clients, scopes and accounts are made from beside their ids, empty where they were never stopped: of a client
-- "salt scope salt scope salt", its own and those of the scopes that were ever taken away from it.
ALTER TABLE clients ADD COLUMN salts TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN salt TEXT NOT NULL DEFAULT '';

-- Whatever stops an account gives it a cutoff, too: this is all that a look-up reads of the accounts on a path.
DROP INDEX accounts_cutoff;
CREATE INDEX accounts_stops ON accounts (account_id, cutoff, salt) WHERE cutoff > 0;
