"""Every table as it is moved whole: its columns, and the key that orders its rows. A table comes after those it refers to.

Whoever adds a table or a column adds it here: a test compares this list with the schema of each engine.
"""

from typing import Final

from msgspec import Struct


class Table(Struct, frozen=True):
    """One table.

    Attributes:
        name: its name.
        key: the columns of its primary key.
        others: the rest.
    """

    name: str
    key: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, the key first."""
        return self.key + self.others

    @property
    def select(self) -> str:
        """The statement that reads all of it, in the order of its key."""
        return f"SELECT {', '.join(self.columns)} FROM {self.name} ORDER BY {', '.join(self.key)}"

    @property
    def insert(self) -> str:
        """The statement that adds a row."""
        places = ", ".join(f"${number}" for number in range(1, len(self.columns) + 1))
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({places})"

    @property
    def count(self) -> str:
        """The statement that counts its rows."""
        return f"SELECT COUNT(*) FROM {self.name}"


ACCOUNTS: Final = Table(
    "accounts",
    ("account_id",),
    (
        "path",
        "friendly_name",
        "owner_email",
        "status",
        "date_created",
        "version",
        "friendly_name_folded",
        "owner_email_folded",
        "cutoff",
        "salt",
        "deleted_at",
    ),
)
ACCOUNT_LISTING: Final = Table("account_listing", ("list_key", "date_created", "account_id"))
ACCOUNT_COUNTS: Final = Table("account_counts", ("list_key", "slot"), ("count",))
CLIENTS: Final = Table(
    "clients",
    ("client_id",),
    (
        "account_id",
        "account_path",
        "name",
        "name_folded",
        "client_owner",
        "client_owner_folded",
        "client_type",
        "locked",
        "enabled",
        "products",
        "resources",
        "token_lifetime",
        "date_created",
        "tokens_valid_from",
        "version",
        "expires_at",
        "labels",
        "salts",
        "deleted_at",
        "purged_at",
    ),
)
CLIENT_SECRETS: Final = Table(
    "client_secrets",
    ("client_id", "secret_id"),
    (
        "verifier",
        "hint",
        "date_created",
        "expires_at",
        "grace",
        "silence",
        "last_used_at",
        "last_used_address",
        "last_used_agent",
    ),
)
SECRET_USES: Final = Table("secret_uses", ("client_id", "secret_id", "hour"), ("uses",))
CLIENT_LISTING: Final = Table("client_listing", ("list_key", "enabled", "client_type", "date_created", "client_id"))
CLIENT_COUNTS: Final = Table("client_counts", ("list_key", "enabled", "client_type", "slot"), ("count",))
SIGNING_KEYS: Final = Table("signing_keys", ("kid",), ("algorithm", "sealed", "date_created", "low_s"))
KEY_CHECKS: Final = Table("key_checks", ("name",), ("value",))
ANSWERS: Final = Table("answers", ("digest",), ("sealed", "expires_at"))
AUDIT_EVENTS: Final = Table(
    "audit_events",
    ("account_id", "sequence"),
    (
        "event_id",
        "operation",
        "actor",
        "target",
        "before",
        "after",
        "request_id",
        "address",
        "at",
        "previous_hash",
        "hash",
    ),
)
INCARNATION: Final = Table("incarnation", ("single",), ("incarnation_id", "account_id", "sequence", "hash"))

TABLES: Final = (
    ACCOUNTS,
    ACCOUNT_LISTING,
    ACCOUNT_COUNTS,
    CLIENTS,
    CLIENT_SECRETS,
    SECRET_USES,
    CLIENT_LISTING,
    CLIENT_COUNTS,
    SIGNING_KEYS,
    KEY_CHECKS,
    ANSWERS,
    AUDIT_EVENTS,
    INCARNATION,
)
