"""Every SQL statement, named, with its columns written out. Parameters are `$1`, `$2`, … in the order of their first use.

The SQL is what SQLite and PostgreSQL both understand; the few places where they differ are in `Dialect`.
"""

from functools import cache
from typing import Final

from clientry.storage.dialect import POSTGRES, SQLITE, Dialect

CLIENT_COLUMNS: Final = (
    "c.client_id, c.account_id, c.account_path, c.name, c.client_owner, c.client_type, c.locked, c.enabled, "
    "c.products, c.resources, c.token_lifetime, c.date_created, c.tokens_valid_from, c.version, c.expires_at, c.labels, "
    "c.salts"
)
ACCOUNT_COLUMNS: Final = (
    "a.account_id, a.path, a.friendly_name, a.owner_email, a.status, a.date_created, a.version, a.cutoff, a.salt"
)


def _stop(account: str) -> str:
    """Return the expression for how an account was stopped: `id cutoff salt`. Whatever stops one gives it a cutoff."""
    return f"{account}.account_id || ' ' || {account}.cutoff || ' ' || {account}.salt"


def _path_stops(path: str, dialect: Dialect) -> str:
    """Return the expression for how the accounts on a path were stopped; where none ever was it costs next to nothing."""
    return (
        "CASE WHEN EXISTS (SELECT 1 FROM accounts WHERE cutoff > 0) THEN "
        f"(SELECT {dialect.joined.format(_stop('o'))} FROM accounts AS o "
        f"WHERE o.cutoff > 0 AND {dialect.on_path.format(id='o.account_id', path=path)}) END"
    )


# Clients


@cache
def client_get(dialect: Dialect) -> str:
    """Return the statement for the client `$1`."""
    return (
        f"SELECT {CLIENT_COLUMNS}, {_path_stops('c.account_path', dialect)} FROM clients AS c "
        "WHERE c.client_id = $1 AND c.deleted_at IS NULL"
    )


CLIENT_REGISTERED: Final = (
    f"SELECT {CLIENT_COLUMNS}, NULL FROM clients AS c WHERE c.client_id = $1 AND c.deleted_at IS NULL"
)


@cache
def client_get_locked(dialect: Dialect) -> str:
    """Return the same for transactions that run side by side, and lost an update to another one already."""
    return f"{client_get(dialect)} FOR NO KEY UPDATE OF c"


@cache
def client_kept(dialect: Dialect, *, locked: bool) -> str:
    """Return the statement for the client `$1` beside each account of the path `$2`, which stay as they are if it is `locked`.

    Whatever stops a client changes its row; whatever stops an account has claimed it before.
    """
    return (
        f"SELECT {CLIENT_COLUMNS}, NULL, a.account_id, a.cutoff, a.salt FROM clients AS c, accounts AS a "
        f"WHERE c.client_id = $1 AND c.deleted_at IS NULL AND {dialect.on_path.format(id='a.account_id', path='$2')} "
        f"AND a.deleted_at IS NULL{dialect.keep if locked else ''}"
    )


def _credentials(dialect: Dialect) -> str:
    return (
        f"SELECT {CLIENT_COLUMNS}, {_path_stops('c.account_path', dialect)}, "
        "s.secret_id, s.verifier, s.hint, s.date_created, s.expires_at, s.grace, s.silence "
        "FROM clients AS c LEFT JOIN client_secrets AS s ON s.client_id = c.client_id "
    )


# The token path's one read: a client with its secrets, one row per secret.
CLIENT_CREDENTIALS: Final = f"{_credentials(SQLITE)}WHERE c.client_id = $1 AND c.deleted_at IS NULL"
# The same for the clients of many requests at once.
CLIENTS_CREDENTIALS: Final = f"{_credentials(POSTGRES)}WHERE c.client_id = ANY($1::text[]) AND c.deleted_at IS NULL"

CLIENT_ADD: Final = (
    "INSERT INTO clients (client_id, account_id, account_path, name, name_folded, client_owner, client_owner_folded, "
    "client_type, locked, enabled, products, resources, token_lifetime, date_created, tokens_valid_from, version, "
    "expires_at, labels, salts) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
)

# Guarded by the version that was read, so that no change is lost where transactions run side by side.
CLIENT_REPLACE: Final = (
    "UPDATE clients SET name = $1, name_folded = $2, client_owner = $3, client_owner_folded = $4, locked = $5, "
    "enabled = $6, products = $7, resources = $8, token_lifetime = $9, tokens_valid_from = $10, expires_at = $11, "
    "labels = $12, salts = $13, version = $14 "
    "WHERE client_id = $15 AND version = $16 AND deleted_at IS NULL RETURNING version"
)
CLIENTS_EXPIRED: Final = (
    "SELECT client_id FROM clients WHERE expires_at <= $1 AND enabled = 1 AND deleted_at IS NULL "
    "ORDER BY expires_at LIMIT $2"
)

CLIENT_DELETE: Final = (
    "UPDATE clients SET deleted_at = $1 WHERE client_id = $2 AND version = $3 AND deleted_at IS NULL RETURNING version"
)

CLIENT_DELETED: Final = (
    f"SELECT {CLIENT_COLUMNS}, NULL FROM clients AS c "
    "WHERE c.client_id = $1 AND c.deleted_at > $2 AND c.purged_at IS NULL"
)
CLIENT_RESTORE: Final = (
    "UPDATE clients SET deleted_at = NULL, tokens_valid_from = $1, salts = $2, version = $3 "
    "WHERE client_id = $4 AND version = $5 AND deleted_at IS NOT NULL AND purged_at IS NULL RETURNING version"
)
CLIENTS_PURGE: Final = (
    "UPDATE clients SET purged_at = $1, name = '', name_folded = '', client_owner = '', client_owner_folded = '', labels = '' "
    "WHERE client_id IN (SELECT client_id FROM clients WHERE deleted_at <= $2 AND purged_at IS NULL LIMIT $3) "
    "AND purged_at IS NULL RETURNING client_id"
)

CLIENT_LIST_ADD: Final = (
    "INSERT INTO client_listing (list_key, enabled, client_type, date_created, client_id) VALUES ($1, $2, $3, $4, $5)"
)
CLIENT_LIST_REMOVE: Final = (
    "DELETE FROM client_listing "
    "WHERE list_key = $1 AND enabled = $2 AND client_type = $3 AND date_created = $4 AND client_id = $5"
)
CLIENT_COUNT_ADD: Final = (
    "INSERT INTO client_counts (list_key, enabled, client_type, slot, count) VALUES ($1, $2, $3, {slot}, $4) "
    "ON CONFLICT (list_key, enabled, client_type, slot) DO UPDATE SET count = client_counts.count + excluded.count"
)

# Secrets

SECRET_ADD: Final = (
    "INSERT INTO client_secrets (secret_id, client_id, verifier, hint, date_created, expires_at, grace, silence) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
SECRETS_OF: Final = (
    "SELECT secret_id, client_id, verifier, hint, date_created, expires_at, grace, silence "
    "FROM client_secrets WHERE client_id = $1 ORDER BY date_created, secret_id"
)
SECRETS_USED: Final = (
    "SELECT s.secret_id, s.client_id, s.verifier, s.hint, s.date_created, s.expires_at, s.grace, s.silence, "
    "s.last_used_at, s.last_used_address, s.last_used_agent, CAST(COALESCE((SELECT SUM(u.uses) FROM secret_uses AS u "
    "WHERE u.client_id = s.client_id AND u.secret_id = s.secret_id AND u.hour >= $1), 0) AS BIGINT) "
    "FROM client_secrets AS s WHERE s.client_id = $2 ORDER BY s.date_created, s.secret_id"
)
# Only those that end now: one that waits for the newer one's first use would be looked at again and again, perhaps for ever.
SECRETS_SILENT: Final = (
    "SELECT DISTINCT s.client_id FROM client_secrets AS s JOIN client_secrets AS n ON n.client_id = s.client_id "
    "AND (n.date_created, n.secret_id) > (s.date_created, s.secret_id) JOIN clients AS c ON c.client_id = s.client_id "
    "WHERE s.silence IS NOT NULL AND COALESCE(s.last_used_at, s.date_created) + s.silence <= $1 "
    "AND (s.expires_at IS NULL OR s.expires_at > $1) AND n.last_used_at IS NOT NULL AND n.date_created + s.silence <= $1 "
    "AND (n.expires_at IS NULL OR n.expires_at > $1) AND c.deleted_at IS NULL "
    "AND s.client_id > $2 ORDER BY s.client_id LIMIT $3"
)
SECRET_REPLACE: Final = (
    "UPDATE client_secrets SET expires_at = $1, grace = $2, silence = $3 WHERE client_id = $4 AND secret_id = $5"
)
SECRET_NOTE_USE: Final = (
    "UPDATE client_secrets SET last_used_at = $1, last_used_address = $2, last_used_agent = $3 "
    "WHERE client_id = $4 AND secret_id = $5 AND (last_used_at IS NULL OR last_used_at <= $1)"
)
SECRET_COUNT_USES: Final = (
    "INSERT INTO secret_uses (client_id, secret_id, hour, uses) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (client_id, secret_id, hour) DO UPDATE SET uses = secret_uses.uses + excluded.uses"
)
SECRET_FORGET_USES: Final = (
    "DELETE FROM secret_uses WHERE (client_id, secret_id, hour) IN "
    "(SELECT client_id, secret_id, hour FROM secret_uses WHERE hour < $1 ORDER BY hour LIMIT $2) RETURNING hour"
)
SECRET_DELETE: Final = "DELETE FROM client_secrets WHERE client_id = $1 AND secret_id = $2"
SECRETS_DELETE: Final = "DELETE FROM client_secrets WHERE client_id = $1"

VERIFIERS_COUNT: Final = "SELECT COUNT(*) FROM client_secrets WHERE substr(verifier, 1, 1) = $1"
VERIFIERS_SLICE: Final = (
    "SELECT secret_id, client_id, verifier, hint, date_created, expires_at, grace, silence FROM client_secrets "
    "WHERE substr(verifier, 1, 1) = $1 AND (client_id, secret_id) > ($2, $3) ORDER BY client_id, secret_id LIMIT $4"
)
VERIFIER_SET: Final = (
    "UPDATE client_secrets SET verifier = $1 WHERE client_id = $2 AND secret_id = $3 AND verifier = $4"
)

# Accounts


@cache
def account_get(dialect: Dialect, lock: str = "") -> str:
    """Return the statement for the account `$1`. `lock`: `hold` or `claim` of the dialect."""
    return (
        f"SELECT {ACCOUNT_COLUMNS}, {_path_stops('a.path', dialect)} FROM accounts AS a "
        f"WHERE a.account_id = $1 AND a.deleted_at IS NULL{lock}"
    )


ACCOUNT_ROOT: Final = (
    f"SELECT {ACCOUNT_COLUMNS}, CASE WHEN a.cutoff > 0 THEN {_stop('a')} END "
    "FROM accounts AS a WHERE a.account_id = a.path"
)
ACCOUNT_ADD: Final = (
    "INSERT INTO accounts (account_id, path, friendly_name, owner_email, status, date_created, version, "
    "friendly_name_folded, owner_email_folded, cutoff, salt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)
ACCOUNT_REPLACE: Final = (
    "UPDATE accounts SET friendly_name = $1, friendly_name_folded = $2, owner_email = $3, owner_email_folded = $4, "
    "status = $5, cutoff = $6, salt = $7, version = $8 "
    "WHERE account_id = $9 AND version = $10 AND deleted_at IS NULL RETURNING version"
)
ACCOUNT_DELETE: Final = (
    "UPDATE accounts SET deleted_at = $1 WHERE account_id = $2 AND version = $3 AND deleted_at IS NULL "
    "RETURNING version"
)
ACCOUNT_LIST_ADD: Final = "INSERT INTO account_listing (list_key, date_created, account_id) VALUES ($1, $2, $3)"
ACCOUNT_LIST_REMOVE: Final = "DELETE FROM account_listing WHERE list_key = $1 AND date_created = $2 AND account_id = $3"
ACCOUNT_COUNT_ADD: Final = (
    "INSERT INTO account_counts (list_key, slot, count) VALUES ($1, {slot}, $2) "
    "ON CONFLICT (list_key, slot) DO UPDATE SET count = account_counts.count + excluded.count"
)

# Signing keys

_SIGNING_KEY: Final = "kid, algorithm, sealed, date_created, low_s"
SIGNING_KEY_ALL: Final = f"SELECT {_SIGNING_KEY} FROM signing_keys ORDER BY date_created, kid"
SIGNING_KEY_ADD: Final = f"INSERT INTO signing_keys ({_SIGNING_KEY}) VALUES ($1, $2, $3, $4, $5)"

# What keys outside the database make of a constant

KEY_CHECK_GET: Final = "SELECT value FROM key_checks WHERE name = $1"
KEY_CHECK_ADD: Final = "INSERT INTO key_checks (name, value) VALUES ($1, $2)"

# Answers of requests with an idempotency key

ANSWER_GET: Final = "SELECT sealed FROM answers WHERE digest = $1 AND expires_at > $2"
# Where another transaction has just claimed it, this waits for its end.
ANSWER_CLAIM: Final = (
    "INSERT INTO answers (digest, sealed, expires_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (digest) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at "
    "WHERE answers.expires_at <= $4 RETURNING expires_at"
)
ANSWER_FILL: Final = "UPDATE answers SET sealed = $1 WHERE digest = $2"
ANSWER_CONFIRM: Final = "UPDATE answers SET sealed = sealed WHERE digest = $1 AND expires_at > $2 RETURNING sealed"
ANSWERS_PURGE: Final = (
    "DELETE FROM answers WHERE digest IN (SELECT digest FROM answers WHERE expires_at <= $1 LIMIT $2) "
    "RETURNING expires_at"
)

# Audit events

_EVENT: Final = (
    "account_id, sequence, event_id, operation, actor, target, before, after, request_id, address, at, "
    "previous_hash, hash"
)
AUDIT_HEAD: Final = "SELECT sequence, hash FROM audit_events WHERE account_id = $1 ORDER BY sequence DESC LIMIT 1"
AUDIT_ADD: Final = (
    f"INSERT INTO audit_events ({_EVENT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
)
AUDIT_SLICE: Final = (
    f"SELECT {_EVENT} FROM audit_events WHERE account_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
)

AUDIT_ACCOUNTS: Final = (
    "SELECT DISTINCT account_id FROM audit_events WHERE account_id > $1 ORDER BY account_id LIMIT $2"
)

# Migrations

MIGRATIONS_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_migrations "
    "(number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)"
)
MIGRATIONS_DONE: Final = "SELECT number, name, checksum FROM schema_migrations ORDER BY number"
MIGRATION_ADD: Final = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)"
MIGRATION_RENAME: Final = "UPDATE schema_migrations SET name = $1 WHERE number = $2"


def migration_held(dialect: Dialect) -> str:
    """Return the statement for the migration `$1`, which nobody finishes until the transaction ends."""
    return f"SELECT number, name, checksum FROM schema_migrations WHERE number = $1{dialect.share}"
