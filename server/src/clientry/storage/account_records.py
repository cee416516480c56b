"""Accounts, and their places in the lists of every account above them."""

from collections import Counter
from collections.abc import Sequence

from clientry.account import Account
from clientry.storage import AccountFilter, Position, Slice, Start
from clientry.storage import statements as sql
from clientry.storage.rows import account_of, account_row
from clientry.storage.session import Session, position_back, position_of, slice_of
from clientry.storage.tables import ACCOUNT_LISTING, ACCOUNTS

NO_LIST = ""
"""A list key that no list has: what a filter for an account outside the tree finds."""


class Accounts:
    """`AccountWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, account_id: str) -> Account | None:
        """Return the account, None where there is none."""
        rows = await self._session.run(sql.ACCOUNT_GET, (account_id,))
        return account_of(rows[0]) if rows else None

    async def root(self) -> Account | None:
        """Return the root account, None in an empty database."""
        rows = await self._session.run(sql.ACCOUNT_ROOT)
        return account_of(rows[0]) if rows else None

    async def count(self, wanted: AccountFilter) -> int:
        """Return exactly how many accounts there are."""
        rows = await self._session.run(sql.ACCOUNT_COUNT, (await self.tree_key(wanted.within),))
        return int(rows[0][0])

    async def slice(self, wanted: AccountFilter, start: Start, limit: int) -> Slice[Account]:
        """Return at most `limit` accounts from `start` on, newest first."""
        key = await self.tree_key(wanted.within)
        parameters = (key, *position_of(start), limit + 1, start.offset)
        return slice_of(
            await self._session.run(sql.account_slice(sql.start_kind(start)), parameters), limit, account_of
        )

    async def back(self, wanted: AccountFilter, before: Position, rows: int) -> Position | None:
        """Return the position `rows` rows newer than `before`, or the newest if there are fewer; None: there is none."""
        parameters = (await self.tree_key(wanted.within), before.date_created, before.id)
        return await position_back(self._session, sql.ACCOUNT_BACK, parameters, rows)

    async def add(self, account: Account) -> None:
        """Add a new account; those on its path exist."""
        await self._session.run(sql.ACCOUNT_ADD, account_row(account))
        listings = [(key, account.date_created, account.account_id) for key in account.path]
        await self._session.run_each(sql.ACCOUNT_LIST_ADD, listings)
        counting = sql.ACCOUNT_COUNT_ADD.format(slot=self._session.dialect.slot)
        await self._session.run_each(counting, [(key, 1) for key in account.path])

    async def add_all(self, accounts: Sequence[Account]) -> None:
        """Add many new accounts; those on their paths exist, or come before them."""
        await self._session.insert(ACCOUNTS, [account_row(account) for account in accounts])
        listings = [(key, account.date_created, account.account_id) for account in accounts for key in account.path]
        await self._session.insert(ACCOUNT_LISTING, listings)
        more = Counter(key for account in accounts for key in account.path)
        counting = sql.ACCOUNT_COUNT_ADD.format(slot=self._session.dialect.slot)
        await self._session.run_each(counting, sorted(more.items()))

    async def tree_key(self, within: str | None) -> str:
        """Return the list key of an account's tree; None: of the root's, which is everything."""
        if within is not None:
            return within
        root = await self.root()
        return NO_LIST if root is None else root.account_id
