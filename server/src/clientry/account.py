"""Accounts: the tree that clients belong to."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

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
    """

    account_id: str
    path: tuple[str, ...]
    friendly_name: str
    owner_email: str
    status: AccountStatus
    date_created: int
    version: int = 1

    @property
    def parent_id(self) -> str | None:
        """The account above, None for the root."""
        return self.path[-2] if len(self.path) > 1 else None
