"""PostgreSQL: a caller that is kept to the end of a change waits for nobody, and whoever stops it waits for the change."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from msgspec import structs
from tests.storage.conformance.steps import add_accounts, add_clients, replace
from tests.storage.records import a_client, an_account
from tests.support.postgres import Postgres

from clientry.errors import StorageUnavailable
from clientry.records.account import Account
from clientry.records.client import Client
from clientry.settings.database_url import parse
from clientry.storage import Storage, Transaction
from clientry.storage.engines import migrate, open_storage

pytestmark = pytest.mark.anyio


@pytest.fixture
async def storage(postgres: Postgres) -> AsyncIterator[Storage]:
    made = parse(postgres.new_database())
    await migrate(made)
    opened = await open_storage(made, 10)
    yield opened
    await opened.close()


class Line:
    """A client three accounts deep, and one beside it."""

    def __init__(self) -> None:
        self.root = an_account()
        self.middle = an_account(self.root)
        self.leaf = an_account(self.middle)
        self.beside = an_account(self.root)
        self.client = a_client(self.leaf)
        self.other = a_client(self.leaf)

    async def add(self, storage: Storage) -> "Line":
        await add_accounts(storage, self.root, self.middle, self.leaf, self.beside)
        await add_clients(storage, self.client, self.other)
        return self


class Held:
    """A transaction that stays open where it was told to."""

    def __init__(self, storage: Storage, doing: Callable[[Transaction], Awaitable[object]]) -> None:
        self._there, self._release = asyncio.Event(), asyncio.Event()

        async def body(transaction: Transaction) -> None:
            await doing(transaction)
            self._there.set()
            await self._release.wait()

        self._task = asyncio.create_task(storage.write(body))

    async def __aenter__(self) -> None:
        await asyncio.wait({self._task, asyncio.create_task(self._there.wait())}, return_when=asyncio.FIRST_COMPLETED)

    async def __aexit__(self, *_: object) -> None:
        self._release.set()
        await self._task


def keeping(line: Line) -> Callable[[Transaction], Awaitable[object]]:
    return lambda transaction: transaction.clients.keep(line.client.client_id, line.client.account_path)


async def stop_account(storage: Storage, account: Account) -> None:
    async def body(transaction: Transaction) -> None:
        old = await transaction.accounts.claim(account.account_id)
        assert old is not None
        await transaction.accounts.replace(old, structs.replace(old, version=old.version + 1, cutoff=5, salt="s"))

    await storage.write(body)


async def test_x05_whoever_stops_a_kept_caller_waits(storage: Storage) -> None:
    """Its client, and each account of its path; others that keep it, and changes beside it, do not wait."""
    line = await Line().add(storage)
    stops: list[Callable[[], Awaitable[object]]] = [
        lambda: replace(storage, line.client, enabled=False),
        *(lambda one=account: stop_account(storage, one) for account in (line.root, line.middle, line.leaf)),
    ]
    for stop in stops:
        async with Held(storage, keeping(line)):
            waiting = asyncio.ensure_future(stop())
            assert not (await asyncio.wait({waiting}, timeout=0.2))[0]
            await asyncio.wait_for(storage.write(keeping(line)), 5)
            await asyncio.wait_for(stop_account(storage, line.beside), 5)
            await asyncio.wait_for(add_clients(storage, a_client(line.leaf)), 5)
        await asyncio.wait_for(waiting, 5)


async def test_x05_a_caller_that_is_being_stopped_is_not_waited_for(storage: Storage) -> None:
    """The transaction that would keep it is undone at once, and run again until it sees what became of it."""
    line = await Line().add(storage)
    runs = 0

    async def body(transaction: Transaction) -> Client | None:
        nonlocal runs
        runs += 1
        return await transaction.clients.keep(line.client.client_id, line.client.account_path)

    async def stop_client(transaction: Transaction) -> None:
        new = structs.replace(line.client, enabled=False, version=2)
        await transaction.clients.replace(line.client, new)

    async with Held(storage, stop_client):
        tried = asyncio.create_task(storage.write(body))
        assert not (await asyncio.wait({tried}, timeout=0.2))[0]
        await asyncio.wait_for(storage.write(lambda transaction: transaction.accounts.claim(line.leaf.account_id)), 5)
    found = await tried
    assert found is not None
    assert not found.enabled
    assert runs > 1


async def test_x05_a_caller_that_is_being_changed_for_too_long_is_an_outage(storage: Storage) -> None:
    """Whoever would keep it gives up while there is still time to answer."""
    line = await Line().add(storage)
    async with Held(storage, lambda transaction: transaction.accounts.claim(line.middle.account_id)):
        started = asyncio.get_running_loop().time()
        with pytest.raises(StorageUnavailable):
            await storage.write(keeping(line))
        assert 0.2 < asyncio.get_running_loop().time() - started < 1.7
