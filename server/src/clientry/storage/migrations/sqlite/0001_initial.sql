CREATE TABLE accounts (
    account_id    TEXT    NOT NULL PRIMARY KEY,
    path          TEXT    NOT NULL, -- ids from the root to this account, joined by '/'
    friendly_name TEXT    NOT NULL,
    owner_email   TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    date_created  INTEGER NOT NULL,
    version       INTEGER NOT NULL
) STRICT;

-- One row per account and account on its path: the lists of trees, in their order.
CREATE TABLE account_listing (
    list_key     TEXT    NOT NULL,
    date_created INTEGER NOT NULL,
    account_id   TEXT    NOT NULL REFERENCES accounts,
    PRIMARY KEY (list_key, date_created, account_id)
) STRICT, WITHOUT ROWID;

-- How many rows a list has: the sum over the slots.
CREATE TABLE account_counts (
    list_key TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (list_key, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    client_id           TEXT    NOT NULL PRIMARY KEY,
    account_id          TEXT    NOT NULL REFERENCES accounts,
    account_path        TEXT    NOT NULL,
    name                TEXT    NOT NULL,
    name_folded         TEXT    NOT NULL, -- folded by the program, so that every engine agrees on letters
    client_owner        TEXT    NOT NULL,
    client_owner_folded TEXT    NOT NULL,
    client_type         TEXT    NOT NULL,
    locked              INTEGER,
    enabled             INTEGER NOT NULL,
    products            TEXT    NOT NULL,
    resources           TEXT    NOT NULL,
    token_lifetime      INTEGER NOT NULL,
    date_created        INTEGER NOT NULL,
    tokens_valid_from   INTEGER NOT NULL,
    version             INTEGER NOT NULL,
    deleted_at          INTEGER -- the row stays, so that no id is used twice
) STRICT, WITHOUT ROWID;

CREATE TABLE client_secrets (
    client_id    TEXT    NOT NULL REFERENCES clients,
    secret_id    TEXT    NOT NULL,
    verifier     BLOB    NOT NULL,
    hint         TEXT    NOT NULL,
    date_created INTEGER NOT NULL,
    expires_at   INTEGER,
    PRIMARY KEY (client_id, secret_id)
) STRICT, WITHOUT ROWID;

-- One row per client and list that it stands in: the trees of the accounts on its path, and '=' || its own account.
CREATE TABLE client_listing (
    list_key     TEXT    NOT NULL,
    enabled      INTEGER NOT NULL,
    client_type  TEXT    NOT NULL,
    date_created INTEGER NOT NULL,
    client_id    TEXT    NOT NULL REFERENCES clients,
    PRIMARY KEY (list_key, enabled, client_type, date_created, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE client_counts (
    list_key    TEXT    NOT NULL,
    enabled     INTEGER NOT NULL,
    client_type TEXT    NOT NULL,
    slot        INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (list_key, enabled, client_type, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    kid          TEXT    NOT NULL PRIMARY KEY,
    algorithm    TEXT    NOT NULL,
    sealed       BLOB    NOT NULL,
    date_created INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_events (
    account_id    TEXT    NOT NULL,
    sequence      INTEGER NOT NULL,
    event_id      TEXT    NOT NULL,
    operation     TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    target        TEXT    NOT NULL,
    before        TEXT    NOT NULL,
    after         TEXT    NOT NULL,
    request_id    TEXT    NOT NULL,
    address       TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    previous_hash BLOB    NOT NULL,
    hash          BLOB    NOT NULL,
    PRIMARY KEY (account_id, sequence)
) STRICT, WITHOUT ROWID;
