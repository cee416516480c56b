"""Reading and changing accounts."""

from collections.abc import Sequence
from typing import Protocol

from clientry.records.account import Account
from clientry.storage.protocols.listable import Listable
from clientry.storage.values import AccountFilter


class AccountReads(Listable[AccountFilter, Account], Protocol):
    """Reading accounts."""

    async def get(self, account_id: str) -> Account | None:
        """Return the account, None where there is none or it was deleted."""
        ...

    async def root(self) -> Account | None:
        """Return the root account, None in an empty database."""
        ...

    async def roots(self) -> tuple[str, ...]:
        """Return the ids of the accounts that have none above them: none, one, or at most ten after a fault."""
        ...

    async def depth(self, root_id: str) -> int:
        """Return how many levels the tree below a root has, the root's own included."""
        ...


class AccountWrites(AccountReads, Protocol):
    """Reading and changing accounts."""

    async def hold(self, account_id: str) -> Account | None:
        """Return the account, None where there is none; nobody deletes it until the transaction ends."""
        ...

    async def claim(self, account_id: str) -> Account | None:
        """Return the account, None where there is none; what counts on its clients and accounts waits till the transaction ends."""
        ...

    async def add(self, account: Account) -> None:
        """Add a new account; those on its path exist."""
        ...

    async def replace(self, old: Account, new: Account) -> None:
        """Put `new` in the place of `old`; id, path and creation date stay. `LostUpdate` if it is no longer `old`."""
        ...

    async def delete(self, account: Account, at: int) -> None:
        """Delete an account that has no clients and no accounts below it. `LostUpdate` if it is no longer `account`.

        `at`: seconds since 1970-01-01T00:00:00Z.
        """
        ...

    async def adopt(self, root_id: str, other_id: str) -> None:
        """Put another root, and with it all accounts and clients below it, below the one that stays."""
        ...

    async def add_all(self, accounts: Sequence[Account]) -> None:
        """Add many new accounts at once; those on their paths exist, or come before them."""
        ...
