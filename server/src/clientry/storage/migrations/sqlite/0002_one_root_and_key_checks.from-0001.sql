-- There is one root: finds it without looking at every account, and stops two nodes that start together from making two.
CREATE UNIQUE INDEX accounts_root ON accounts (path) WHERE account_id = path;

-- What each key that is kept outside the database makes of a constant: a node with another key is told before it does harm.
CREATE TABLE key_checks (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
