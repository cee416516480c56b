"""Accounts: the tree that clients belong to."""

from enum import StrEnum
from typing import Final

from msgspec import UNSET, Struct, UnsetType, structs

from clientry.records.mark import Stop

SUSPENDED_CUTOFF: Final = 253_402_300_800
"""10000-01-01T00:00:00Z: the cutoff of a suspended account, before which every token is issued."""
MAX_DEPTH: Final = 8
"""How many accounts may stand on one line from the root, the root included."""


class AccountStatus(StrEnum):
    """Whether an account works."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


class Account(Struct, frozen=True):
    """One account.

    Attributes:
        account_id: its identifier.
        path: the ids from the root account to this one, both included; never changes.
        friendly_name: what people call it.
        owner_email: the e-mail address of its one owner.
        status: whether it works.
        date_created: seconds since 1970-01-01T00:00:00Z.
        version: grows by one with every change.
        cutoff: access tokens without marks that clients of its tree were issued before this second are dead.
        salt: what its mark is made from beside its id; empty where it was never stopped.
        path_cutoff: the latest cutoff of this account and those above it; read, never written.
        path_salts: the salts of the accounts on its path, none at all where no account has one; read, never written.
    """

    account_id: str
    path: tuple[str, ...]
    friendly_name: str
    owner_email: str
    status: AccountStatus
    date_created: int
    version: int = 1
    cutoff: int = 0
    salt: str = ""
    path_cutoff: int = 0
    path_salts: tuple[str, ...] = ()

    @property
    def suspended(self) -> bool:
        """Whether it, or an account above it, is suspended."""
        return self.path_cutoff >= SUSPENDED_CUTOFF

    @property
    def parent_id(self) -> str | None:
        """The account above, None for the root."""
        return self.path[-2] if len(self.path) > 1 else None


class AccountChange(Struct, frozen=True):
    """What an update sets; what is UNSET stays as it is. The values are clean already."""

    friendly_name: str | UnsetType = UNSET
    owner_email: str | UnsetType = UNSET
    status: AccountStatus | UnsetType = UNSET


def changed(account: Account, change: AccountChange, stop: Stop) -> Account:
    """Return the account as it is after a change, the very same one where nothing differs.

    A suspended account and all below it get no tokens and no answers. Tokens from before stay dead when it is active again.
    """
    wanted = {field: value for field, value in structs.asdict(change).items() if value is not UNSET}
    if all(getattr(account, field) == value for field, value in wanted.items()):
        return account
    new = structs.replace(account, version=account.version + 1, **wanted)
    if new.status is account.status:
        return new
    suspended = new.status is AccountStatus.SUSPENDED
    return structs.replace(new, cutoff=SUSPENDED_CUTOFF if suspended else stop.cutoff, salt=stop.salt or account.salt)


def tokens_revoked(account: Account, stop: Stop) -> Account:
    """Return the account with every token dead that its tree was issued so far."""
    return structs.replace(
        account,
        version=account.version + 1,
        cutoff=max(account.cutoff, stop.cutoff),
        salt=stop.salt or account.salt,
    )
