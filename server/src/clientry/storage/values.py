"""What goes into storage and comes out of it, beside the records: filters, places in lists, slices of them; and its refusals."""

from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct, structs

from clientry.records.account import AccountStatus
from clientry.records.client import Client, ClientType
from clientry.records.secret import ClientSecret

RecordT = TypeVar("RecordT")


class LostUpdate(Exception):
    """A record is no longer what the transaction read: the change was not made."""


class Overtaken(Exception):
    """Somebody is changing what a transaction rests on: it was not made, and is run again."""


class AlreadyTaken(Exception):
    """There is, or was, a record with this id: it was not added."""


class SecretUse(Struct, frozen=True):
    """The uses of a secret since they were written last.

    Attributes:
        client_id: whose it is.
        secret_id: which one.
        uses: how many.
        last_used_at: seconds since 1970-01-01T00:00:00Z.
        address: where the last one came from.
        user_agent: by what program, as it said itself.
    """

    client_id: str
    secret_id: str
    uses: int
    last_used_at: int
    address: str
    user_agent: str

    @property
    def hour(self) -> int:
        """The hour of the last use, counted from 1970."""
        return self.last_used_at // 3600

    def plus(self, earlier: "SecretUse") -> "SecretUse":
        """Return these uses and those before them."""
        return structs.replace(self, uses=self.uses + earlier.uses)


class Credentials(Struct, frozen=True):
    """What authenticates a client: the client and its secrets, read in one statement."""

    client: Client
    secrets: tuple[ClientSecret, ...]


class ClientStatus(StrEnum):
    """Which clients a list shows; those that were deleted are a list of their own."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ANY = "any"
    DELETED = "deleted"


class ClientFilter(Struct, frozen=True):
    """Which clients are wanted, all conditions together.

    Attributes:
        within: only clients of this account and those below it; None: everywhere.
        account_id: only clients of exactly this account.
        client_type: only this type.
        status: enabled ones, disabled ones, or both; or deleted ones, which `deleted_clients` lists.
        name: the name contains this text, whatever its case.
        client_owner: the owner's address is this text, whatever its case.
        labels: pairs of key and value that the client has, all of them.
        deleted_since: of deleted ones only those that were deleted after this second.
    """

    within: str | None
    account_id: str | None = None
    client_type: ClientType | None = None
    status: ClientStatus = ClientStatus.ACTIVE
    name: str | None = None
    client_owner: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    deleted_since: int = 0


class AccountFilter(Struct, frozen=True):
    """Which accounts are wanted, all conditions together.

    Attributes:
        within: only this account and those below it; None: everywhere.
        parent_id: only those directly below this one.
        status: only this status.
        friendly_name: the name contains this text, whatever its case.
        owner_email: the owner's address is this text, whatever its case.
    """

    within: str | None
    parent_id: str | None = None
    status: AccountStatus | None = None
    friendly_name: str | None = None
    owner_email: str | None = None


class Position(Struct, frozen=True):
    """A place in a list that is ordered newest first by (date_created, id)."""

    date_created: int
    id: str


class Start(Struct, frozen=True):
    """Where a slice starts: behind a position, or at it, or else after skipping `offset` rows from the newest.

    Attributes:
        after: the last row before the slice.
        at: the slice's first row, or where it would stand; not both.
        offset: rows to skip from there.
    """

    after: Position | None = None
    at: Position | None = None
    offset: int = 0


class Slice(Struct, Generic[RecordT], frozen=True):
    """Some consecutive rows of a list, newest first, and whether more follow."""

    items: tuple[RecordT, ...]
    more: bool
