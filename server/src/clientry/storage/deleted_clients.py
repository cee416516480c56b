"""Deleted clients that can be restored: they stand in no list of the others, and are found by the paths of their accounts."""

from msgspec import structs

from clientry.records.client import Client
from clientry.storage import ClientFilter, Position, Slice, Start
from clientry.storage import list_statements as lists
from clientry.storage.account_records import Accounts
from clientry.storage.rows import Row, client_of, filter_texts
from clientry.storage.session import Session, position_back, position_of, slice_of

NOWHERE = ("", "")
"""Paths that no account has: what a filter for an account outside the tree finds."""
LAST_BELOW = "/~"
"""What makes of a path the end of all paths that begin with it: no identifier has a character behind `~`."""


class DeletedClients:
    """`Listable`: those that were deleted after `deleted_since` of the filter, and whose account is still there."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._accounts = Accounts(session)

    async def count(self, wanted: ClientFilter) -> int:
        """Return exactly how many there are; those of the tree are walked."""
        statement = lists.deleted_count(lists.shape_of(wanted), self._session.dialect)
        parameters = (*await self._place(wanted), *filter_texts(wanted))
        return int((await self._session.run(statement, parameters, scans=True))[0][0])

    async def slice(self, wanted: ClientFilter, start: Start, limit: int) -> Slice[Client]:
        """Return at most `limit` of them from `start` on, newest first, each with the second of its deletion."""
        statement = lists.deleted_slice(lists.shape_of(wanted), lists.start_kind(start), self._session.dialect)
        place = await self._place(wanted)
        parameters = (*place, *position_of(start), *filter_texts(wanted), limit + 1, start.offset)
        return slice_of(await self._session.run(statement, parameters, scans=True), limit, _deleted_client_of)

    async def back(self, wanted: ClientFilter, before: Position, rows: int) -> Position | None:
        """Return the position `rows` rows newer than `before`, or the newest if there are fewer; None: there is none."""
        statement = lists.deleted_back(lists.shape_of(wanted), self._session.dialect)
        parameters = (*await self._place(wanted), before.date_created, before.id, *filter_texts(wanted))
        return await position_back(self._session, statement, parameters, rows, scans=True)

    async def _place(self, wanted: ClientFilter) -> Row:
        """Return the first and the last path of the accounts that are looked through, and the second of the filter."""
        first, last = await self._paths(wanted)
        return first, last, wanted.deleted_since

    async def _paths(self, wanted: ClientFilter) -> tuple[str, str]:
        account_id = wanted.within if wanted.account_id is None else wanted.account_id
        account = await (self._accounts.root() if account_id is None else self._accounts.get(account_id))
        if account is None or wanted.within not in (None, *account.path):
            return NOWHERE
        path = "/".join(account.path)
        return path, path + LAST_BELOW if wanted.account_id is None else path


def _deleted_client_of(row: Row) -> Client:
    return structs.replace(client_of(row), deleted_at=row[-1])
