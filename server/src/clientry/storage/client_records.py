"""Clients, and their places in the lists of every account above them."""

from collections import Counter
from collections.abc import Sequence

from clientry.records.client import Client
from clientry.storage import ClientFilter, LostUpdate, Overtaken, Position, Slice, Start
from clientry.storage import list_statements as lists
from clientry.storage import statements as sql
from clientry.storage.account_records import NO_LIST, Accounts
from clientry.storage.rows import (
    Row,
    client_change_row,
    client_of,
    client_row,
    filter_texts,
    kept_client_of,
    salts_text,
)
from clientry.storage.session import Session, position_back, position_of, slice_of
from clientry.storage.tables import CLIENT_LISTING, CLIENTS


class Clients:
    """`ClientWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._accounts = Accounts(session)

    async def get(self, client_id: str) -> Client | None:
        """Return the client, None where there is none or it was deleted."""
        statement = sql.client_get_locked if self._session.locks else sql.client_get
        rows = await self._session.run(statement(self._session.dialect), (client_id,))
        return client_of(rows[0]) if rows else None

    async def keep(self, client_id: str, path: tuple[str, ...]) -> Client | None:
        """Return a client beside the accounts of a path, None where one of them is gone; nobody stops them until the end.

        Raises:
            Overtaken: somebody is about to.
        """
        parameters = (client_id, "/".join(path))
        rows = await self._session.run(sql.client_kept(self._session.dialect, locked=True), parameters)
        if len(rows) == len(path):
            return kept_client_of(rows, path, self._session.replaced)
        if len(await self._session.run(sql.client_kept(self._session.dialect, locked=False), parameters)) == len(path):
            raise Overtaken
        return None

    async def count(self, wanted: ClientFilter) -> int:
        """Return exactly how many clients there are."""
        shape = lists.shape_of(wanted)
        statement = lists.client_count(shape, self._session.dialect)
        parameters = (await self._list_key(wanted), *filter_texts(wanted))
        rows = await self._session.run(statement, parameters, scans=shape.by_text)
        return int(rows[0][0])

    async def slice(self, wanted: ClientFilter, start: Start, limit: int) -> Slice[Client]:
        """Return at most `limit` clients from `start` on, newest first."""
        shape = lists.shape_of(wanted)
        statement = lists.client_slice(shape, lists.start_kind(start), self._session.dialect)
        key = await self._list_key(wanted)
        parameters = (key, *position_of(start), *filter_texts(wanted), limit + 1, start.offset)
        return slice_of(await self._session.run(statement, parameters, scans=shape.by_text), limit, client_of)

    async def back(self, wanted: ClientFilter, before: Position, rows: int) -> Position | None:
        """Return the position `rows` rows newer than `before`, or the newest if there are fewer; None: there is none."""
        shape = lists.shape_of(wanted)
        statement = lists.client_back(shape, self._session.dialect)
        parameters = (await self._list_key(wanted), before.date_created, before.id, *filter_texts(wanted))
        return await position_back(self._session, statement, parameters, rows, scans=shape.by_text)

    async def add(self, client: Client) -> None:
        """Add a new client."""
        await self._session.run(sql.CLIENT_ADD, client_row(client))
        await self._enlist(client)

    async def add_all(self, clients: Sequence[Client]) -> None:
        """Add many new clients."""
        await self._session.insert(CLIENTS, [(*client_row(client), None, None) for client in clients])
        await self._session.insert(CLIENT_LISTING, [row for client in clients for row in _listings(client)])
        more = Counter(
            (key, client.enabled, client.client_type.value) for client in clients for key in _list_keys(client)
        )
        statement = sql.CLIENT_COUNT_ADD.format(slot=self._session.dialect.slot)
        await self._session.run_each(statement, [(*key, count) for key, count in sorted(more.items())])

    async def replace(self, old: Client, new: Client) -> None:
        """Put `new` in the place of `old`.

        Raises:
            LostUpdate: it is no longer `old`.
        """
        if not await self._session.run(sql.CLIENT_REPLACE, client_change_row(old, new)):
            raise LostUpdate
        self._session.replaced.setdefault(old.client_id, old)
        if old.enabled != new.enabled:
            await self._delist(old)
            await self._enlist(new)

    async def delete(self, client: Client, at: int) -> None:
        """Delete a client; its id stays taken, and it can be restored.

        Raises:
            LostUpdate: it is no longer `client`.
        """
        if not await self._session.run(sql.CLIENT_DELETE, (at, client.client_id, client.version)):
            raise LostUpdate
        await self._delist(client)

    async def deleted(self, client_id: str, since: int) -> Client | None:
        """Return a client that was deleted after a second, None where there is none that can be restored."""
        rows = await self._session.run(sql.CLIENT_DELETED, (client_id, since))
        return client_of(rows[0]) if rows else None

    async def restore(self, old: Client, new: Client) -> None:
        """Put a deleted client back, with the cut-off, the salts and the version of `new`.

        Raises:
            LostUpdate: it is no longer `old`.
        """
        row = (new.tokens_valid_from, salts_text(new), new.version, old.client_id, old.version)
        if not await self._session.run(sql.CLIENT_RESTORE, row):
            raise LostUpdate
        await self._enlist(new)

    async def purge(self, now: int, deleted_by: int, limit: int) -> int:
        """Delete for good what at most `limit` clients left that were deleted until then, and return how many there were."""
        rows = await self._session.run(sql.CLIENTS_PURGE, (now, deleted_by, limit))
        await self._session.run_each(sql.SECRETS_DELETE, [(row[0],) for row in rows])
        return len(rows)

    async def expired(self, now: int, limit: int) -> tuple[str, ...]:
        """Return at most `limit` ids of enabled clients whose end has come."""
        return tuple(row[0] for row in await self._session.run(sql.CLIENTS_EXPIRED, (now, limit)))

    async def _enlist(self, client: Client) -> None:
        await self._session.run_each(sql.CLIENT_LIST_ADD, _listings(client))
        await self._count(client, 1)

    async def _delist(self, client: Client) -> None:
        await self._session.run_each(sql.CLIENT_LIST_REMOVE, _listings(client))
        await self._count(client, -1)

    async def _count(self, client: Client, more: int) -> None:
        statement = sql.CLIENT_COUNT_ADD.format(slot=self._session.dialect.slot)
        kind = client.client_type.value
        await self._session.run_each(statement, [(key, client.enabled, kind, more) for key in _list_keys(client)])

    async def _list_key(self, wanted: ClientFilter) -> str:
        """Return the key of the list that a filter looks through."""
        if wanted.account_id is None:
            return await self._accounts.tree_key(wanted.within)
        account = await self._accounts.get(wanted.account_id)
        if account is None or wanted.within not in (None, *account.path):
            return NO_LIST
        return _own_key(wanted.account_id)


def _list_keys(client: Client) -> tuple[str, ...]:
    return (*client.account_path, _own_key(client.account_id))


def _listings(client: Client) -> list[Row]:
    kind = client.client_type.value
    return [(key, client.enabled, kind, client.date_created, client.client_id) for key in _list_keys(client)]


def _own_key(account_id: str) -> str:
    return "=" + account_id
