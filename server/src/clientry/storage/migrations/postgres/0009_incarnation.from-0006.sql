-- What the database says about itself, in its one row: whoever adds it is the one that installs. The audit event is one of the last
-- seconds in which there were any; nodes remember it outside the database, and notice when it is not there any more.
CREATE TABLE incarnation (
    single         SMALLINT NOT NULL PRIMARY KEY CHECK (single = 1),
    incarnation_id TEXT COLLATE "C" NOT NULL,
    account_id     TEXT COLLATE "C",
    sequence       BIGINT,
    hash           BYTEA
);
