-- What the database says about itself, in its one row: whoever adds it is the one that installs. The audit event is one of the last
-- seconds in which there were any; nodes remember it outside the database, and notice when it is not there any more.
CREATE TABLE incarnation (
    single         INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    incarnation_id TEXT    NOT NULL,
    account_id     TEXT,
    sequence       INTEGER,
    hash           BLOB
) STRICT;
