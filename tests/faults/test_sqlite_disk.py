"""SQLite on disks that lose power, fail, or are full."""

import asyncio
import random
import shutil
from collections.abc import Awaitable
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from tests.faults.disk import Failing, Notes, after_power_loss, mounted
from tests.storage.records import a_change, a_client, a_secret, an_account

from clientry.account import Account
from clientry.audit_event import AuditEvent, follows
from clientry.client import Client
from clientry.errors import StorageUnavailable
from clientry.storage import ClientFilter, ClientStatus, Start, Storage, Transaction
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.schema import migrate

pytestmark = pytest.mark.anyio

EVERYTHING = ClientFilter(None, status=ClientStatus.ANY)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Acknowledged(NamedTuple):
    """A client that is on disk, and how many operations the disk had seen when that was said."""

    client: Client
    operations: int


async def add_account(storage: Storage, account: Account) -> None:
    await storage.write(lambda transaction: transaction.accounts.add(account))


async def create(storage: Storage, account: Account) -> Client:
    """Make a client as the registry does: with its secret, its places in lists, its counts and its audit event."""
    client = a_client(account, name="x" * 200)

    async def body(transaction: Transaction) -> None:
        await transaction.clients.add(client)
        await transaction.secrets.add(a_secret(client))
        await transaction.audit_events.append(a_change(account, target=client.client_id))

    await storage.write(body)
    return client


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


async def test_f02_what_was_acknowledged_survives_a_loss_of_power(tmp_path: Path, full: bool) -> None:
    """Wherever the power fails, acknowledged clients are there, and the others whole or not at all."""
    disk = Notes()
    account = an_account()
    acknowledged: list[Acknowledged] = []
    with mounted(disk):
        path = tmp_path / "run" / "clientry.db"
        path.parent.mkdir()
        migrate(path)
        storage = SqliteStorage(path)
        storage._writer._connection.wal_autocheckpoint(20)
        await add_account(storage, account)
        begun = len(disk.operations)
        for size in (1, 5, 1, 9, 3, 1, 7, 2):
            made = await asyncio.gather(*(create(storage, account) for _ in range(size)))
            acknowledged += [Acknowledged(client, len(disk.operations)) for client in made]
        operations = list(disk.operations)
        await storage.close()
    chance = random.Random(2)  # noqa: S311 - the same losses in every run
    step = 1 if full else 5
    for number in range(begun, len(operations) + 1, step):
        for loss in ("none", "all", "some", "torn"):
            there = tmp_path / "after"
            there.mkdir()
            for name, content in after_power_loss(operations[:number], loss, chance).items():
                (there / name).write_bytes(content)
            survived = SqliteStorage(there / "clientry.db")
            found = await check_whole(survived, account)
            missing = [one for one in acknowledged if one.operations <= number and one.client.client_id not in found]
            assert missing == [], (number, loss)
            await survived.close()
            check_integrity(there / "clientry.db")
            shutil.rmtree(there)
    assert len(operations) - begun > 50


@pytest.mark.parametrize("problem", [apsw.IOError, apsw.FullError])
@pytest.mark.parametrize("kinds", [{"write"}, {"sync"}, {"truncate"}, {"read"}, {"write", "sync", "truncate"}])
@pytest.mark.parametrize("lasting", [0, 5])
async def test_f03_a_failing_disk_costs_what_it_failed_at(
    tmp_path: Path, full: bool, problem: type[Exception], kinds: set[str], lasting: int
) -> None:
    """Whichever operation fails: nobody is told yes wrongly, nothing is half there, and the next change works without reopening."""
    disk = Failing()
    with mounted(disk):
        path = tmp_path / "clientry.db"
        migrate(path)
        account = an_account()
        storage = SqliteStorage(path)
        storage._writer._connection.wal_autocheckpoint(4)
        await add_account(storage, account)
        acknowledged: set[str] = set()
        refused = 0
        disk.kinds, disk.problem, disk.lasting = frozenset(kinds), problem, lasting
        for number in range(1, 200, 1 if full else 7):
            disk.at, disk.seen, disk.failed = number, 0, 0
            attempts: list[Awaitable[Client]] = [create(storage, account) for _ in range(3)]
            for outcome in await asyncio.gather(*attempts, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    assert isinstance(outcome, StorageUnavailable), repr(outcome)
                    refused += 1
                else:
                    acknowledged.add(outcome.client_id)
            disk.at = None
            acknowledged.add((await create(storage, account)).client_id)
            assert acknowledged <= await check_whole(storage, account)
        assert refused > 0 or kinds <= {"truncate", "read"}
        await storage.close()
    check_integrity(tmp_path / "clientry.db")
