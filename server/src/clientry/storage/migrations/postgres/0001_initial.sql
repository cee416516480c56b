CREATE TABLE accounts (
    account_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    path          TEXT COLLATE "C" NOT NULL, -- ids from the root to this account, joined by '/'
    friendly_name TEXT COLLATE "C" NOT NULL,
    owner_email   TEXT COLLATE "C" NOT NULL,
    status        TEXT COLLATE "C" NOT NULL,
    date_created  BIGINT NOT NULL,
    version       BIGINT NOT NULL
);

-- One row per account and account on its path: the lists of trees, in their order.
CREATE TABLE account_listing (
    list_key     TEXT COLLATE "C" NOT NULL,
    date_created BIGINT NOT NULL,
    account_id   TEXT COLLATE "C" NOT NULL REFERENCES accounts,
    PRIMARY KEY (list_key, date_created, account_id)
);

-- How many rows a list has: the sum over the slots.
CREATE TABLE account_counts (
    list_key TEXT COLLATE "C" NOT NULL,
    slot     SMALLINT NOT NULL,
    count    BIGINT NOT NULL,
    PRIMARY KEY (list_key, slot)
) WITH (fillfactor = 50); -- room for a changed count on the same page

CREATE TABLE clients (
    client_id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id          TEXT COLLATE "C" NOT NULL REFERENCES accounts,
    account_path        TEXT COLLATE "C" NOT NULL,
    name                TEXT COLLATE "C" NOT NULL,
    name_folded         TEXT COLLATE "C" NOT NULL, -- folded by the program, so that every engine agrees on letters
    client_owner        TEXT COLLATE "C" NOT NULL,
    client_owner_folded TEXT COLLATE "C" NOT NULL,
    client_type         TEXT COLLATE "C" NOT NULL,
    locked              SMALLINT,
    enabled             SMALLINT NOT NULL,
    products            TEXT COLLATE "C" NOT NULL,
    resources           TEXT COLLATE "C" NOT NULL,
    token_lifetime      BIGINT NOT NULL,
    date_created        BIGINT NOT NULL,
    tokens_valid_from   BIGINT NOT NULL,
    version             BIGINT NOT NULL,
    deleted_at          BIGINT -- the row stays, so that no id is used twice
);

CREATE TABLE client_secrets (
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients,
    secret_id    TEXT COLLATE "C" NOT NULL,
    verifier     BYTEA NOT NULL,
    hint         TEXT COLLATE "C" NOT NULL,
    date_created BIGINT NOT NULL,
    expires_at   BIGINT,
    PRIMARY KEY (client_id, secret_id)
);

-- One row per client and list that it stands in: the trees of the accounts on its path, and '=' || its own account.
CREATE TABLE client_listing (
    list_key     TEXT COLLATE "C" NOT NULL,
    enabled      SMALLINT NOT NULL,
    client_type  TEXT COLLATE "C" NOT NULL,
    date_created BIGINT NOT NULL,
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients,
    PRIMARY KEY (list_key, enabled, client_type, date_created, client_id)
);

CREATE TABLE client_counts (
    list_key    TEXT COLLATE "C" NOT NULL,
    enabled     SMALLINT NOT NULL,
    client_type TEXT COLLATE "C" NOT NULL,
    slot        SMALLINT NOT NULL,
    count       BIGINT NOT NULL,
    PRIMARY KEY (list_key, enabled, client_type, slot)
) WITH (fillfactor = 50);

CREATE TABLE signing_keys (
    kid          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    algorithm    TEXT COLLATE "C" NOT NULL,
    sealed       BYTEA NOT NULL,
    date_created BIGINT NOT NULL
);

CREATE TABLE audit_events (
    account_id    TEXT COLLATE "C" NOT NULL,
    sequence      BIGINT NOT NULL,
    event_id      TEXT COLLATE "C" NOT NULL,
    operation     TEXT COLLATE "C" NOT NULL,
    actor         TEXT COLLATE "C" NOT NULL,
    target        TEXT COLLATE "C" NOT NULL,
    before        TEXT COLLATE "C" NOT NULL,
    after         TEXT COLLATE "C" NOT NULL,
    request_id    TEXT COLLATE "C" NOT NULL,
    address       TEXT COLLATE "C" NOT NULL,
    at            BIGINT NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash          BYTEA NOT NULL,
    PRIMARY KEY (account_id, sequence)
);
