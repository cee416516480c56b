"""SQLite on disks that lose power, fail, or are full."""

import asyncio
import random
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from tests.faults.disk import Failing, Notes, after_power_loss, mounted
from tests.storage.records import a_change, a_client, a_secret, an_account

from clientry.errors import OutcomeUnknown, StorageUnavailable
from clientry.records.account import Account
from clientry.records.audit_event import AuditEvent, follows
from clientry.records.client import Client
from clientry.storage import ClientFilter, ClientStatus, Start, Storage, Transaction
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.schema import migrate

pytestmark = pytest.mark.anyio

EVERYTHING = ClientFilter(None, status=ClientStatus.ANY)
LOGGING = {("clientry.db-wal", "write")}
"""Where a real disk can be full. Elsewhere it is so in a checkpoint, after the commit: SQLite is silent, apsw on our disk not."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Acknowledged(NamedTuple):
    """A client that is on disk, and how many operations the disk had seen when that was said."""

    client: Client
    operations: int


@asynccontextmanager
async def opened(path: Path, checkpoint_after: int = 1000) -> AsyncGenerator[SqliteStorage]:
    """Open a storage, and close it whatever happens: else its thread would keep a failed test from ending.

    Args:
        path: the file.
        checkpoint_after: pages in the log at which they are moved to the database.
    """
    storage = SqliteStorage(path)
    storage._writer._connection.wal_autocheckpoint(checkpoint_after)
    try:
        yield storage
    finally:
        await storage.close()


async def add_account(storage: Storage, account: Account) -> None:
    await storage.write(lambda transaction: transaction.accounts.add(account))


async def create(storage: Storage, account: Account, client: Client) -> None:
    """Add a client as the registry does: with its secret, its places in lists, its counts and its audit event."""

    async def body(transaction: Transaction) -> None:
        await transaction.clients.add(client)
        await transaction.secrets.add(a_secret(client))
        await transaction.audit_events.append(a_change(account, target=client.client_id))

    await storage.write(body)


async def check_whole(storage: Storage, account: Account) -> set[str]:
    """Check that lists, counts, secrets and the audit chain agree, and return the clients that there are."""
    listed = await storage.read(lambda snapshot: snapshot.clients.slice(EVERYTHING, Start(), 100_000))
    found = {client.client_id for client in listed.items}
    assert await storage.read(lambda snapshot: snapshot.clients.count(EVERYTHING)) == len(found)
    for client in listed.items:
        credentials = await storage.credentials(client.client_id)
        assert credentials is not None
        assert len(credentials.secrets) == 1
    events = await storage.read(lambda snapshot: snapshot.audit_events.slice(account.account_id, 0, 100_000))
    previous: AuditEvent | None = None
    for event in events.items:
        assert follows(event, previous)
        previous = event
    assert {event.change.target for event in events.items} == found
    return found


def check_integrity(path: Path) -> None:
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"
    connection.close()


async def found_after_kill(path: Path, account: Account) -> set[str]:
    """Check and return the clients that would be found if this process were killed now."""
    copied = path.parent / "copied"
    copied.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        shutil.copy(path.with_name(name), copied / name)
    async with opened(copied / path.name) as survived:
        found = await check_whole(survived, account)
    shutil.rmtree(copied)
    return found


async def test_f02_what_was_acknowledged_survives_a_loss_of_power(tmp_path: Path, full: bool) -> None:
    """Wherever the power fails, acknowledged clients are there, and the others whole or not at all."""
    disk = Notes()
    account = an_account()
    acknowledged: list[Acknowledged] = []
    path = tmp_path / "run" / "clientry.db"
    path.parent.mkdir()

    async def one(storage: Storage) -> None:
        client = a_client(account, name="x" * 200)
        await create(storage, account, client)
        acknowledged.append(Acknowledged(client, len(disk.operations)))

    with mounted(disk):
        migrate(path)
        async with opened(path, checkpoint_after=20) as storage:
            await add_account(storage, account)
            begun = len(disk.operations)
            for size in (1, 5, 1, 9, 3, 1, 7, 2):
                await asyncio.gather(*(one(storage) for _ in range(size)))
            operations = list(disk.operations)
    chance = random.Random(2)  # noqa: S311 - the same losses in every run
    step = 1 if full else 5
    for number in range(begun, len(operations) + 1, step):
        for loss in ("none", "all", "some", "torn"):
            there = tmp_path / "after"
            there.mkdir()
            for name, content in after_power_loss(operations[:number], loss, chance).items():
                (there / name).write_bytes(content)
            async with opened(there / "clientry.db") as survived:
                found = await check_whole(survived, account)
            missing = [one for one in acknowledged if one.operations <= number and one.client.client_id not in found]
            assert missing == [], (number, loss)
            check_integrity(there / "clientry.db")
            shutil.rmtree(there)
    assert len(operations) - begun > 50


@pytest.mark.timeout(600)
@pytest.mark.parametrize("problem", [apsw.IOError, apsw.FullError])
@pytest.mark.parametrize("kinds", [{"write"}, {"sync"}, {"truncate"}, {"read"}, {"write", "sync", "truncate"}])
@pytest.mark.parametrize("lasting", [0, 5])
async def test_f03_a_failing_disk_costs_what_it_failed_at(
    tmp_path: Path, full: bool, problem: type[Exception], kinds: set[str], lasting: int
) -> None:
    """Whichever operation fails: yes and no are true even after a crash, and the next change works without reopening."""
    disk = Failing()
    path = tmp_path / "clientry.db"
    account = an_account()
    acknowledged: set[str] = set()
    refused: set[str] = set()
    unknown = 0
    with mounted(disk):
        migrate(path)
        async with opened(path, checkpoint_after=4) as storage:
            await add_account(storage, account)
            disk.kinds, disk.problem, disk.lasting = frozenset(kinds), problem, lasting
            for number in range(1, 200, 1 if full else 7):
                disk.start(number)
                clients = [a_client(account, name="x" * 200) for _ in range(3)]
                attempts = [create(storage, account, client) for client in clients]
                outcomes = await asyncio.gather(*attempts, return_exceptions=True)
                disk.stop()
                for client, outcome in zip(clients, outcomes, strict=True):
                    assert outcome is None or isinstance(outcome, StorageUnavailable), repr(outcome)
                    if outcome is None:
                        acknowledged.add(client.client_id)
                    elif isinstance(outcome, OutcomeUnknown) or (problem is apsw.FullError and disk.failed - LOGGING):
                        unknown += 1
                    else:
                        refused.add(client.client_id)
                found = await found_after_kill(path, account)
                assert acknowledged <= found
                assert not refused & found
                after = a_client(account)
                await create(storage, account, after)
                acknowledged.add(after.client_id)
                found = await check_whole(storage, account)
                assert acknowledged <= found
                assert not refused & found
    assert refused or unknown or kinds <= {"truncate", "read"}
    check_integrity(path)


@pytest.mark.parametrize("problem", [apsw.IOError, apsw.FullError])
async def test_f03_a_failing_read_costs_only_itself(tmp_path: Path, problem: type[Exception]) -> None:
    """Whichever read of the disk fails: the look-up, the list or the count says so, and the next one works without reopening."""
    disk = Failing()
    account = an_account()
    clients = [a_client(account) for _ in range(30)]
    disk.kinds, disk.problem = frozenset({"read"}), problem
    with mounted(disk):
        migrate(tmp_path / "clientry.db")
        async with opened(tmp_path / "clientry.db") as storage:
            await add_account(storage, account)
            for client in clients:
                await create(storage, account, client)
            reads: list[Callable[[], Awaitable[object]]] = [
                lambda: storage.credentials(clients[0].client_id),
                lambda: storage.client(clients[0].client_id),
                lambda: storage.read(lambda snapshot: snapshot.clients.count(EVERYTHING)),
                lambda: storage.read(lambda snapshot: snapshot.clients.slice(EVERYTHING, Start(), 100)),
            ]
            for read in reads:
                failed = 0
                for number in range(1, 10):
                    await create(storage, account, a_client(account))  # else nothing is read anew
                    disk.start(number)
                    try:
                        await read()
                    except StorageUnavailable:
                        failed += 1
                    disk.stop()
                    assert await read()
                assert failed > 0
