"""The protocols of storage over anything that runs SQL: the same for every engine."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from clientry.account import Account
from clientry.audit_event import GENESIS, AuditEvent, Change, chain
from clientry.client import Client
from clientry.secret import ClientSecret
from clientry.signing_key import SealedKey
from clientry.storage import AccountFilter, ClientFilter, Credentials, LostUpdate, Position, Slice, Start
from clientry.storage import statements as sql
from clientry.storage.rows import (
    Row,
    account_of,
    account_row,
    client_change_row,
    client_of,
    client_row,
    event_of,
    event_row,
    fold,
    secret_of,
    secret_row,
    signing_key_of,
)
from clientry.storage.statements import Dialect
from clientry.storage.tables import ACCOUNT_LISTING, ACCOUNTS, CLIENT_LISTING, CLIENT_SECRETS, CLIENTS, Table

RecordT = TypeVar("RecordT")

NO_LIST = ""
"""A list key that no list has: what a filter for an account outside the tree finds."""


class Session(Protocol):
    """Runs SQL inside one transaction."""

    @property
    def dialect(self) -> Dialect:
        """What is particular to the engine."""
        ...

    @property
    def locks(self) -> bool:
        """Whether a client that is read must stay as it is until the transaction ends."""
        ...

    async def run(self, statement: str, parameters: Row = (), *, scans: bool = False) -> list[Row]:
        """Run one statement and return its rows. `scans`: it may look at a whole list, and take seconds."""
        ...

    async def run_each(self, statement: str, many: Iterable[Row]) -> None:
        """Run one statement, which returns nothing, with one set of parameters after the other."""
        ...

    async def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Add many rows to a table, as fast as the engine can."""
        ...


class Clients:
    """`ClientWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._accounts = Accounts(session)

    async def get(self, client_id: str) -> Client | None:
        """Return the client, None where there is none or it was deleted."""
        statement = sql.CLIENT_GET_LOCKED if self._session.locks else sql.CLIENT_GET
        rows = await self._session.run(statement, (client_id,))
        return client_of(rows[0]) if rows else None

    async def count(self, wanted: ClientFilter) -> int:
        """Return exactly how many clients there are."""
        shape = sql.shape_of(wanted)
        statement = sql.client_count(shape, self._session.dialect)
        parameters = (await self._list_key(wanted), *_texts(wanted))
        rows = await self._session.run(statement, parameters, scans=shape.by_text)
        return int(rows[0][0])

    async def slice(self, wanted: ClientFilter, start: Start, limit: int) -> Slice[Client]:
        """Return at most `limit` clients from `start` on, newest first."""
        shape = sql.shape_of(wanted)
        statement = sql.client_slice(shape, sql.start_kind(start), self._session.dialect)
        key = await self._list_key(wanted)
        parameters = (key, *_position(start), *_texts(wanted), limit + 1, start.offset)
        return _slice(await self._session.run(statement, parameters, scans=shape.by_text), limit, client_of)

    async def back(self, wanted: ClientFilter, before: Position, rows: int) -> Position | None:
        """Return the position `rows` rows newer than `before`, or the newest if there are fewer; None: there is none."""
        shape = sql.shape_of(wanted)
        statement = sql.client_back(shape, self._session.dialect)
        parameters = (await self._list_key(wanted), before.date_created, before.id, *_texts(wanted))
        return await _back(self._session, statement, parameters, rows, scans=shape.by_text)

    async def add(self, client: Client) -> None:
        """Add a new client."""
        await self._session.run(sql.CLIENT_ADD, client_row(client))
        await self._enlist(client)

    async def add_all(self, clients: Sequence[Client]) -> None:
        """Add many new clients."""
        await self._session.insert(CLIENTS, [(*client_row(client), None) for client in clients])
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
        if old.enabled != new.enabled:
            await self._delist(old)
            await self._enlist(new)

    async def delete(self, client: Client, at: int) -> None:
        """Delete a client and its secrets; its id stays taken.

        Raises:
            LostUpdate: it is no longer `client`.
        """
        if not await self._session.run(sql.CLIENT_DELETE, (at, client.client_id, client.version)):
            raise LostUpdate
        await self._session.run(sql.SECRETS_DELETE, (client.client_id,))
        await self._delist(client)

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


class Secrets:
    """`SecretWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def of(self, client_id: str) -> tuple[ClientSecret, ...]:
        """Return every secret that is kept of a client, oldest first."""
        rows = await self._session.run(sql.SECRETS_OF, (client_id,))
        return tuple(ClientSecret(row[0], row[1], bytes(row[2]), *row[3:]) for row in rows)

    async def delete(self, secret: ClientSecret) -> None:
        """Delete a secret."""
        await self._session.run(sql.SECRET_DELETE, (secret.client_id, secret.secret_id))

    async def add(self, secret: ClientSecret) -> None:
        """Add a secret to its client."""
        await self._session.run(sql.SECRET_ADD, secret_row(secret))

    async def add_all(self, secrets: Sequence[ClientSecret]) -> None:
        """Add secrets to many clients."""
        rows = [secret_row(secret) for secret in secrets]
        await self._session.insert(CLIENT_SECRETS, [(row[1], row[0], *row[2:]) for row in rows])


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
        parameters = (key, *_position(start), limit + 1, start.offset)
        return _slice(await self._session.run(sql.account_slice(sql.start_kind(start)), parameters), limit, account_of)

    async def back(self, wanted: AccountFilter, before: Position, rows: int) -> Position | None:
        """Return the position `rows` rows newer than `before`, or the newest if there are fewer; None: there is none."""
        parameters = (await self.tree_key(wanted.within), before.date_created, before.id)
        return await _back(self._session, sql.ACCOUNT_BACK, parameters, rows)

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


class SigningKeys:
    """`SigningKeyWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self) -> tuple[SealedKey, ...]:
        """Return every signing key, oldest first."""
        return tuple(signing_key_of(row) for row in await self._session.run(sql.SIGNING_KEY_ALL))

    async def add(self, key: SealedKey) -> None:
        """Add a signing key."""
        await self._session.run(sql.SIGNING_KEY_ADD, (key.kid, key.algorithm.value, key.sealed, key.date_created))


class KeyChecks:
    """`KeyCheckWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, name: str) -> bytes | None:
        """Return the value of a check, None where there is none."""
        rows = await self._session.run(sql.KEY_CHECK_GET, (name,))
        return bytes(rows[0][0]) if rows else None

    async def add(self, name: str, value: bytes) -> None:
        """Add a check."""
        await self._session.run(sql.KEY_CHECK_ADD, (name, value))


class AuditEvents:
    """`AuditWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def slice(self, account_id: str, after: int, limit: int) -> Slice[AuditEvent]:
        """Return at most `limit` events of the account with a sequence greater than `after`, oldest first."""
        return _slice(await self._session.run(sql.AUDIT_SLICE, (account_id, after, limit + 1)), limit, event_of)

    async def append(self, change: Change) -> AuditEvent:
        """Put a change at the end of the chain of its account."""
        if self._session.dialect.lock_account:
            await self._session.run(self._session.dialect.lock_account, (change.account_id,))
        rows = await self._session.run(sql.AUDIT_HEAD, (change.account_id,))
        sequence, previous_hash = rows[0] if rows else (0, GENESIS)
        event = chain(change, sequence + 1, bytes(previous_hash))
        await self._session.run(sql.AUDIT_ADD, event_row(event))
        return event


class Records:
    """`Snapshot` and `Transaction`: the records of one session."""

    def __init__(self, session: Session) -> None:
        self.clients = Clients(session)
        self.secrets = Secrets(session)
        self.accounts = Accounts(session)
        self.signing_keys = SigningKeys(session)
        self.key_checks = KeyChecks(session)
        self.audit_events = AuditEvents(session)


def credentials_of(rows: list[Row]) -> Credentials | None:
    """Read a client with its secrets."""
    if not rows:
        return None
    return Credentials(client_of(rows[0]), tuple(secret_of(row) for row in rows if row[14] is not None))


def _list_keys(client: Client) -> tuple[str, ...]:
    return (*client.account_path, _own_key(client.account_id))


def _listings(client: Client) -> list[Row]:
    kind = client.client_type.value
    return [(key, client.enabled, kind, client.date_created, client.client_id) for key in _list_keys(client)]


def _own_key(account_id: str) -> str:
    return "=" + account_id


def _texts(wanted: ClientFilter) -> tuple[str, ...]:
    return tuple(fold(text) for text in (wanted.name, wanted.client_owner) if text is not None)


def _position(start: Start) -> tuple[int, str]:
    position = start.after or start.at or Position(0, "")
    return position.date_created, position.id


def _slice(rows: list[Row], limit: int, record: Callable[[Row], RecordT]) -> Slice[RecordT]:
    return Slice(tuple(record(row) for row in rows[:limit]), more=len(rows) > limit)


async def _back(
    session: Session, statement: str, parameters: Row, rows: int, *, scans: bool = False
) -> Position | None:
    found = await session.run(statement, (*parameters, 1, rows - 1), scans=scans)
    if not found:
        # There are fewer: the newest is the last that an ordered walk over fewer than `rows` rows finds.
        found = (await session.run(statement, (*parameters, rows, 0), scans=scans))[-1:]
    return Position(*found[0]) if found else None
