"""How many may wait for a database: up to the bound they do, beyond it they are refused at once."""

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest

from clientry.errors import StorageUnavailable
from clientry.settings.database_url import parse
from clientry.storage import Transaction
from clientry.storage.postgres.look_ups import LookUps
from clientry.storage.postgres.pool import Pool
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.schema import migrate

pytestmark = pytest.mark.anyio

BEYOND = 7


async def test_5000_look_ups_may_wait_for_postgresql() -> None:
    """Behind a server that does not answer 5,000 look-ups wait, and those beyond are told at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        look_ups = LookUps(parse(f"postgresql://clientry@127.0.0.1:{silent.getsockname()[1]}/none?sslmode=disable"))
        waiting = [asyncio.create_task(look_ups.credentials(f"apiclient_{n}")) for n in range(5_000 + BEYOND)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert list(map(str, outcomes)).count("too many look-ups are waiting") == BEYOND
        assert all(isinstance(outcome, StorageUnavailable) for outcome in outcomes)
        await look_ups.close()


async def test_50_transactions_may_wait_for_each_connection_to_postgresql() -> None:
    """Of two connections that do not come about, 100 transactions wait for a turn, and those beyond are told at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pool = Pool(parse(f"postgresql://clientry@127.0.0.1:{silent.getsockname()[1]}/none?sslmode=disable"), 2)

        async def borrow() -> None:
            async with pool.connection():
                raise AssertionError

        waiting = [asyncio.create_task(borrow()) for _ in range(2 + 100 + BEYOND)]
        await asyncio.sleep(0.1)
        refused = [task for task in waiting if task.done()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert {str(task.exception()) for task in refused} == {"too many transactions are waiting"}
        assert len(refused) == BEYOND


async def test_10000_writes_may_wait_for_sqlite(tmp_path: Path) -> None:
    """While one write runs 10,000 others wait, those beyond are told at once, and all that waited are made."""
    migrate(tmp_path / "clientry.db")
    storage = SqliteStorage(tmp_path / "clientry.db")
    started, go_on = threading.Event(), threading.Event()

    async def slow(transaction: Transaction) -> None:
        started.set()
        go_on.wait(1)

    async def nothing(transaction: Transaction) -> None:
        return

    first = asyncio.create_task(storage.write(slow))
    deadline = time.monotonic() + 10
    while not started.is_set():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)
    waiting = [asyncio.create_task(storage.write(nothing)) for _ in range(10_000 + BEYOND)]
    await asyncio.wait(waiting, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
    go_on.set()
    outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
    await storage.close()
    assert list(map(str, outcomes)).count("too many writes are waiting") == BEYOND
