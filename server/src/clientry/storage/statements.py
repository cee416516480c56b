"""Every SQL statement, named, with its columns written out. Parameters are `$1`, `$2`, … in the order of their first use.

The SQL is what SQLite and PostgreSQL both understand; the few places where they differ are in `Dialect`.
"""

from functools import cache
from typing import Final

from msgspec import Struct

from clientry.client import ClientType
from clientry.storage import ClientFilter, ClientStatus, Start


class Dialect(Struct, frozen=True):
    """What differs per engine.

    Attributes:
        contains: tells whether the text `{0}` contains the text `{1}`, letter by letter.
        slot: which of the rows that add up to a count a transaction writes to; where transactions run side by side each has
            its own, so that none waits for another.
        lock_account: makes the changes of the account `$1` wait for each other; empty where all changes do anyway.
    """

    contains: str
    slot: str
    lock_account: str


SQLITE: Final = Dialect(contains="instr({0}, {1}) > 0", slot="0", lock_account="")
POSTGRES: Final = Dialect(
    contains="strpos({0}, {1}) > 0",
    slot="pg_backend_pid() % 256",
    lock_account="SELECT 1 FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE",
)

_CLIENT: Final = (
    "c.client_id, c.account_id, c.account_path, c.name, c.client_owner, c.client_type, c.locked, c.enabled, "
    "c.products, c.resources, c.token_lifetime, c.date_created, c.tokens_valid_from, c.version"
)
_ACCOUNT: Final = "a.account_id, a.path, a.friendly_name, a.owner_email, a.status, a.date_created, a.version"

# Clients

CLIENT_GET: Final = f"SELECT {_CLIENT} FROM clients AS c WHERE c.client_id = $1 AND c.deleted_at IS NULL"

# For transactions that run side by side, and lost an update to another one already.
CLIENT_GET_LOCKED: Final = f"{CLIENT_GET} FOR NO KEY UPDATE"

_CREDENTIALS: Final = (
    f"SELECT {_CLIENT}, s.secret_id, s.verifier, s.hint, s.date_created, s.expires_at "
    "FROM clients AS c LEFT JOIN client_secrets AS s ON s.client_id = c.client_id "
)
# The token path's one read: a client with its secrets, one row per secret.
CLIENT_CREDENTIALS: Final = f"{_CREDENTIALS}WHERE c.client_id = $1 AND c.deleted_at IS NULL"
# The same for the clients of many requests at once.
CLIENTS_CREDENTIALS: Final = f"{_CREDENTIALS}WHERE c.client_id = ANY($1::text[]) AND c.deleted_at IS NULL"

CLIENT_ADD: Final = (
    "INSERT INTO clients (client_id, account_id, account_path, name, name_folded, client_owner, client_owner_folded, "
    "client_type, locked, enabled, products, resources, token_lifetime, date_created, tokens_valid_from, version) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
)

# Guarded by the version that was read, so that no change is lost where transactions run side by side.
CLIENT_REPLACE: Final = (
    "UPDATE clients SET name = $1, name_folded = $2, client_owner = $3, client_owner_folded = $4, locked = $5, "
    "enabled = $6, products = $7, resources = $8, token_lifetime = $9, tokens_valid_from = $10, version = $11 "
    "WHERE client_id = $12 AND version = $13 AND deleted_at IS NULL RETURNING version"
)

CLIENT_DELETE: Final = (
    "UPDATE clients SET deleted_at = $1 WHERE client_id = $2 AND version = $3 AND deleted_at IS NULL RETURNING version"
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
    "INSERT INTO client_secrets (secret_id, client_id, verifier, hint, date_created, expires_at) "
    "VALUES ($1, $2, $3, $4, $5, $6)"
)
SECRETS_OF: Final = (
    "SELECT secret_id, client_id, verifier, hint, date_created, expires_at "
    "FROM client_secrets WHERE client_id = $1 ORDER BY date_created, secret_id"
)
SECRET_DELETE: Final = "DELETE FROM client_secrets WHERE client_id = $1 AND secret_id = $2"
SECRETS_DELETE: Final = "DELETE FROM client_secrets WHERE client_id = $1"

# Accounts

ACCOUNT_GET: Final = f"SELECT {_ACCOUNT} FROM accounts AS a WHERE a.account_id = $1"
ACCOUNT_ROOT: Final = f"SELECT {_ACCOUNT} FROM accounts AS a WHERE a.account_id = a.path"
ACCOUNT_ADD: Final = (
    "INSERT INTO accounts (account_id, path, friendly_name, owner_email, status, date_created, version) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
ACCOUNT_LIST_ADD: Final = "INSERT INTO account_listing (list_key, date_created, account_id) VALUES ($1, $2, $3)"
ACCOUNT_COUNT_ADD: Final = (
    "INSERT INTO account_counts (list_key, slot, count) VALUES ($1, {slot}, $2) "
    "ON CONFLICT (list_key, slot) DO UPDATE SET count = account_counts.count + excluded.count"
)
ACCOUNT_COUNT: Final = "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM account_counts WHERE list_key = $1"

# Signing keys

SIGNING_KEY_ALL: Final = "SELECT kid, algorithm, sealed, date_created FROM signing_keys ORDER BY date_created, kid"
SIGNING_KEY_ADD: Final = "INSERT INTO signing_keys (kid, algorithm, sealed, date_created) VALUES ($1, $2, $3, $4)"

# What keys outside the database make of a constant

KEY_CHECK_GET: Final = "SELECT value FROM key_checks WHERE name = $1"
KEY_CHECK_ADD: Final = "INSERT INTO key_checks (name, value) VALUES ($1, $2)"

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

# Migrations

MIGRATIONS_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_migrations "
    "(number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)"
)
MIGRATIONS_DONE: Final = "SELECT number, name, checksum FROM schema_migrations ORDER BY number"
MIGRATION_ADD: Final = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)"


class ListShape(Struct, frozen=True):
    """What a list statement depends on, beside its parameters.

    Attributes:
        enabled: the states that are wanted.
        types: the types that are wanted.
        by_name: whether a name is filtered for.
        by_owner: whether an owner is filtered for.
    """

    enabled: tuple[bool, ...] = (True, False)
    types: tuple[ClientType, ...] = tuple(ClientType)
    by_name: bool = False
    by_owner: bool = False

    @property
    def by_text(self) -> bool:
        """Whether the clients themselves must be looked at to tell which are wanted."""
        return self.by_name or self.by_owner


def shape_of(wanted: ClientFilter) -> ListShape:
    """Return the shape of a filter."""
    states = {
        ClientStatus.ACTIVE: (True,),
        ClientStatus.DISABLED: (False,),
        ClientStatus.ANY: (True, False),
    }
    return ListShape(
        states[wanted.status],
        tuple(ClientType) if wanted.client_type is None else (wanted.client_type,),
        wanted.name is not None,
        wanted.client_owner is not None,
    )


@cache
def client_slice(shape: ListShape, start: str, dialect: Dialect) -> str:
    """Return the statement for consecutive rows of a list of clients, newest first.

    Parameters: list key, date and id of the position, [name], [owner], limit, offset. `start`: see `_BOUNDS`.
    """
    return (
        f"SELECT {_CLIENT} FROM ({_merged(shape, _BOUNDS[start], 'DESC', dialect)}) AS l "
        "JOIN clients AS c ON c.client_id = l.client_id ORDER BY l.date_created DESC, l.client_id DESC"
    )


@cache
def client_back(shape: ListShape, dialect: Dialect) -> str:
    """Return the statement for the positions newer than one, the nearest first. Parameters as in `client_slice`."""
    return _merged(shape, _BOUNDS["newer"], "ASC", dialect)


@cache
def client_count(shape: ListShape, dialect: Dialect) -> str:
    """Return the statement for the size of a list of clients. Parameters: list key, [name], [owner].

    Counts are kept and summed up, unless a text is filtered for: then the list is walked.
    """
    if not shape.by_text:
        states = ", ".join(str(int(state)) for state in shape.enabled)
        types = ", ".join(f"'{kind.value}'" for kind in shape.types)
        return (
            "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM client_counts "
            f"WHERE list_key = $1 AND enabled IN ({states}) AND client_type IN ({types})"
        )
    keys = " UNION ALL ".join(_ranges(shape, "", dialect, first=2))
    return f"SELECT COUNT(*) FROM ({keys}) AS k"


@cache
def account_slice(start: str) -> str:
    """Return the statement for consecutive rows of a list of accounts. Parameters: list key, date, id, limit, offset."""
    return (
        f"SELECT {_ACCOUNT} FROM (SELECT k.date_created, k.account_id FROM account_listing AS k WHERE k.list_key = $1 "
        f"{_BOUNDS[start].format(id='k.account_id')} ORDER BY k.date_created DESC, k.account_id DESC LIMIT $4 OFFSET $5) "
        "AS l JOIN accounts AS a ON a.account_id = l.account_id ORDER BY l.date_created DESC, l.account_id DESC"
    )


ACCOUNT_BACK: Final = (
    "SELECT k.date_created, k.account_id FROM account_listing AS k WHERE k.list_key = $1 "
    "AND (k.date_created, k.account_id) > ($2, $3) ORDER BY k.date_created, k.account_id LIMIT $4 OFFSET $5"
)

_BOUNDS: Final = {
    "newest": "AND CAST($2 AS BIGINT) IS NOT NULL AND CAST($3 AS TEXT) IS NOT NULL",
    "after": "AND (k.date_created, {id}) < ($2, $3)",
    "at": "AND (k.date_created, {id}) <= ($2, $3)",
    "newer": "AND (k.date_created, {id}) > ($2, $3)",
}


def start_kind(start: Start) -> str:
    """Return which of the bounds a start needs."""
    return "after" if start.after is not None else "at" if start.at is not None else "newest"


def _merged(shape: ListShape, bound: str, direction: str, dialect: Dialect) -> str:
    """Return the statement for the keys of a list, in order.

    It is a merge of at most four ranges of one index, one per state and type, each read no further than the rows that are wanted:
    so a page costs the same wherever it is. (PostgreSQL reads a range whole if it is not told the order and the end of each.)
    """
    order = f"ORDER BY k.date_created {direction}, k.client_id {direction}"
    limit, offset = (f"CAST(${number + shape.by_name + shape.by_owner} AS BIGINT)" for number in (4, 5))
    ranges = " UNION ALL ".join(
        f"SELECT date_created, client_id FROM ({one} {order} LIMIT {limit} + {offset}) AS r{number}"
        for number, one in enumerate(_ranges(shape, bound, dialect))
    )
    return f"SELECT k.date_created, k.client_id FROM ({ranges}) AS k {order} LIMIT {limit} OFFSET {offset}"


def _ranges(shape: ListShape, bound: str, dialect: Dialect, first: int = 4) -> list[str]:
    """Return the ranges of the index, one SELECT each; text parameters are numbered from `first` on."""
    conditions = [bound.format(id="k.client_id")]
    number = first
    if shape.by_name:
        conditions.append("AND " + dialect.contains.format("c.name_folded", f"${number}"))
        number += 1
    if shape.by_owner:
        conditions.append(f"AND c.client_owner_folded = ${number}")
    joined = "JOIN clients AS c ON c.client_id = k.client_id " if shape.by_text else ""
    return [
        f"SELECT k.date_created, k.client_id FROM client_listing AS k {joined}"
        f"WHERE k.list_key = $1 AND k.enabled = {int(state)} AND k.client_type = '{kind.value}' {' '.join(conditions)}"
        for state in shape.enabled
        for kind in shape.types
    ]
