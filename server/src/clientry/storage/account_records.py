"""Accounts, and their places in the lists of every account above them."""

from collections import Counter
from collections.abc import Sequence

from clientry.records.account import Account
from clientry.records.identifier import ACCOUNT_ID_LENGTH
from clientry.storage import AccountFilter, LostUpdate, Position, Slice, Start
from clientry.storage import database_statements as whole
from clientry.storage import list_statements as lists
from clientry.storage import statements as sql
from clientry.storage.rows import Row, account_change_row, account_of, account_row, fold
from clientry.storage.session import Session, position_back, position_of, slice_of
from clientry.storage.tables import ACCOUNT_LISTING, ACCOUNTS

NO_LIST = ""
"""A list key that no list has: what a filter for an account outside the tree finds."""


class Accounts:
    """`AccountWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, account_id: str) -> Account | None:
        """Return the account, None where there is none or it was deleted."""
        return await self._get(account_id)

    async def root(self) -> Account | None:
        """Return the root account, None in an empty database."""
        rows = await self._session.run(sql.ACCOUNT_ROOT)
        return account_of(rows[0]) if rows else None

    async def roots(self) -> tuple[str, ...]:
        """Return the ids of the accounts that have none above them."""
        return tuple(row[0] for row in await self._session.run(whole.ACCOUNT_ROOTS))

    async def depth(self, root_id: str) -> int:
        """Return how many levels the tree below a root has."""
        longest = (await self._session.run(whole.DEEPEST, (root_id,)))[0][0] or 0
        return (longest + 1) // (ACCOUNT_ID_LENGTH + 1)

    async def adopt(self, root_id: str, other_id: str) -> None:
        """Put another root, and with it all accounts and clients below it, below the one that stays."""
        for statement in whole.ADOPT:
            await self._session.run(statement, (root_id, other_id))

    async def count(self, wanted: AccountFilter) -> int:
        """Return exactly how many accounts there are."""
        shape = lists.account_shape_of(wanted)
        statement = lists.account_count(shape, self._session.dialect)
        parameters = (await self._list_key(wanted), *_conditions(wanted))
        rows = await self._session.run(statement, parameters, scans=shape.filters)
        return int(rows[0][0])

    async def slice(self, wanted: AccountFilter, start: Start, limit: int) -> Slice[Account]:
        """Return at most `limit` accounts from `start` on, newest first."""
        shape = lists.account_shape_of(wanted)
        statement = lists.account_slice(shape, lists.start_kind(start), self._session.dialect)
        key = await self._list_key(wanted)
        parameters = (key, *position_of(start), *_conditions(wanted), limit + 1, start.offset)
        return slice_of(await self._session.run(statement, parameters, scans=shape.filters), limit, account_of)

    async def back(self, wanted: AccountFilter, before: Position, rows: int) -> Position | None:
        """Return the position `rows` rows newer than `before`, or the newest if there are fewer; None: there is none."""
        shape = lists.account_shape_of(wanted)
        statement = lists.account_back(shape, self._session.dialect)
        parameters = (await self._list_key(wanted), before.date_created, before.id, *_conditions(wanted))
        return await position_back(self._session, statement, parameters, rows, scans=shape.filters)

    async def hold(self, account_id: str) -> Account | None:
        """Return the account, None where there is none; nobody deletes it until the transaction ends."""
        return await self._get(account_id, self._session.dialect.hold)

    async def claim(self, account_id: str) -> Account | None:
        """Return the account, None where there is none; what counts on its clients and accounts waits till the transaction ends."""
        return await self._get(account_id, self._session.dialect.claim)

    async def add(self, account: Account) -> None:
        """Add a new account; those on its path exist."""
        await self._session.run(sql.ACCOUNT_ADD, account_row(account))
        await self._session.run_each(sql.ACCOUNT_LIST_ADD, _listings(account))
        await self._count(account, 1)

    async def add_all(self, accounts: Sequence[Account]) -> None:
        """Add many new accounts; those on their paths exist, or come before them."""
        await self._session.insert(ACCOUNTS, [(*account_row(account), None) for account in accounts])
        await self._session.insert(ACCOUNT_LISTING, [row for account in accounts for row in _listings(account)])
        more = Counter(key for account in accounts for key in account.path)
        counting = sql.ACCOUNT_COUNT_ADD.format(slot=self._session.dialect.slot)
        await self._session.run_each(counting, sorted(more.items()))

    async def replace(self, old: Account, new: Account) -> None:
        """Put `new` in the place of `old`.

        Raises:
            LostUpdate: it is no longer `old`.
        """
        if not await self._session.run(sql.ACCOUNT_REPLACE, account_change_row(old, new)):
            raise LostUpdate
        self._session.replaced.setdefault(old.account_id, old)

    async def delete(self, account: Account, at: int) -> None:
        """Delete an account that has no clients and no accounts below it; its id stays taken.

        Raises:
            LostUpdate: it is no longer `account`.
        """
        if not await self._session.run(sql.ACCOUNT_DELETE, (at, account.account_id, account.version)):
            raise LostUpdate
        await self._session.run_each(sql.ACCOUNT_LIST_REMOVE, _listings(account))
        await self._count(account, -1)

    async def tree_key(self, within: str | None) -> str:
        """Return the list key of an account's tree; None: of the root's, which is everything."""
        if within is not None:
            return within
        root = await self.root()
        return NO_LIST if root is None else root.account_id

    async def _get(self, account_id: str, lock: str = "") -> Account | None:
        rows = await self._session.run(sql.account_get(self._session.dialect, lock), (account_id,))
        return account_of(rows[0]) if rows else None

    async def _count(self, account: Account, more: int) -> None:
        counting = sql.ACCOUNT_COUNT_ADD.format(slot=self._session.dialect.slot)
        await self._session.run_each(counting, [(key, more) for key in account.path])

    async def _list_key(self, wanted: AccountFilter) -> str:
        """Return the key of the list that a filter looks through."""
        if wanted.parent_id is None:
            return await self.tree_key(wanted.within)
        parent = await self._get(wanted.parent_id)
        if parent is None or wanted.within not in (None, *parent.path):
            return NO_LIST
        return parent.account_id


def _listings(account: Account) -> list[Row]:
    return [(key, account.date_created, account.account_id) for key in account.path]


def _conditions(wanted: AccountFilter) -> tuple[str, ...]:
    """Return the parameters of a filter's conditions, in the order of `AccountShape`."""
    texts = (wanted.parent_id, wanted.status, wanted.friendly_name, wanted.owner_email)
    folds = (None, None, fold, fold)
    return tuple(
        text if folded is None else folded(text) for text, folded in zip(texts, folds, strict=True) if text is not None
    )
