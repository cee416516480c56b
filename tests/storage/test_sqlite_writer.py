"""The SQLite writer: what a body that fails leaves, and what a write that is late was promised."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.storage.conformance.steps import add_accounts, add_clients, listed
from tests.storage.records import a_client, an_account

from clientry.errors import OutcomeUnknown, StorageTimedOut
from clientry.records.client import Client
from clientry.storage import AlreadyTaken, ClientFilter, ClientStatus, Transaction
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.schema import migrate
from clientry.storage.sqlite.writer import TIMEOUT

pytestmark = pytest.mark.anyio

EVERYTHING = ClientFilter(None, status=ClientStatus.ANY)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    migrate(tmp_path / "clientry.db")
    opened = SqliteStorage(tmp_path / "clientry.db")
    yield opened
    await opened.close()


async def test_a_body_that_meets_a_constraint_leaves_nothing_in_its_group(storage: SqliteStorage) -> None:
    """What it wrote before is undone, while the others of its group are committed."""
    root = an_account()
    await add_accounts(storage, root)
    taken, before, *others = (a_client(root) for _ in range(12))
    await add_clients(storage, taken)

    async def half(transaction: Transaction) -> None:
        await transaction.clients.add(before)
        await transaction.clients.add(taken)

    outcomes = await asyncio.gather(
        *(add_clients(storage, client) for client in others[:5]),
        storage.write(half),
        *(add_clients(storage, client) for client in others[5:]),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes if one is not None] == [AlreadyTaken]
    assert set(await listed(storage, EVERYTHING)) == {client.client_id for client in (taken, *others)}


async def test_a_write_that_is_late_keeps_what_its_answer_promised(storage: SqliteStorage) -> None:
    """While a flush is slow, what runs is told that the outcome is unknown, what waits that nothing was changed; and so it is."""
    root = an_account()
    await add_accounts(storage, root)
    running, *waiting = (a_client(root) for _ in range(4))
    flushing = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow_flush() -> bool:
        if not flushing.is_set():
            loop.call_soon_threadsafe(flushing.set)
            time.sleep(TIMEOUT + 1)
        return False

    async def outcome(client: Client) -> type[BaseException] | None:
        try:
            await add_clients(storage, client)
        except Exception as problem:
            return type(problem)
        return None

    storage._writer._connection.set_commit_hook(slow_flush)
    first = asyncio.create_task(outcome(running))
    await flushing.wait()
    late = await asyncio.gather(*(outcome(client) for client in waiting))
    assert await first is OutcomeUnknown
    assert late == [StorageTimedOut] * 3
    await add_clients(storage, last := a_client(root))
    assert set(await listed(storage, EVERYTHING)) == {running.client_id, last.client_id}
