"""The SQLite engine: the suite of every engine, and what is particular to it."""

import asyncio
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import apsw
import pytest
from tests.storage.conformance import *  # noqa: F403 - the suite is these tests
from tests.storage.conformance.steps import add_accounts, add_clients, count, listed
from tests.storage.records import a_client, an_account

from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.storage import ClientFilter, Storage, Transaction
from clientry.storage.migration import Applied, Migration, load, schema_of
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.connection import check_version
from clientry.storage.sqlite.schema import migrate

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a database whose schema is up to date."""
    made = tmp_path / "clientry.db"
    migrate(made)
    return made


@pytest.fixture
async def storage(path: Path) -> AsyncIterator[Storage]:
    opened = SqliteStorage(path)
    yield opened
    await opened.close()


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.7.17", "2.99.99"])
def test_f05_a_library_that_can_lose_commits_is_refused(version: str) -> None:
    """Every SQLite before 3.51.3 is refused by name, and the linked one is not."""
    with pytest.raises(ConfigurationError, match=version):
        check_version(version)
    check_version("3.51.3")
    check_version("3.100.0")
    check_version(apsw.sqlite_lib_version())


async def test_the_files_are_private(storage: Storage, path: Path) -> None:
    """The database and whatever stands beside it can be read by their owner only, whatever the umask."""
    await add_accounts(storage, an_account())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"clientry.db", "clientry.db-wal"} <= set(modes)


async def test_what_was_acknowledged_is_there_after_reopening(path: Path) -> None:
    """Closing and opening again changes nothing."""
    first = SqliteStorage(path)
    root = an_account()
    await add_accounts(first, root)
    clients = [a_client(root) for _ in range(5)]
    await add_clients(first, *clients)
    await first.close()
    second = SqliteStorage(path)
    assert set(await listed(second, ClientFilter(None))) == {client.client_id for client in clients}
    await second.close()


async def test_o05_commits_are_flushed(storage: Storage) -> None:
    """The writer runs with synchronous=FULL in WAL mode: an acknowledgement means that it is on disk."""
    assert isinstance(storage, SqliteStorage)
    connection = storage._writer._connection
    assert connection.pragma("synchronous") == 2
    assert connection.pragma("journal_mode") == "wal"


async def test_waiting_writes_share_a_commit(path: Path) -> None:
    """200 writes that wait at once are committed in far fewer groups."""
    storage = SqliteStorage(path)
    root = an_account()
    await add_accounts(storage, root)
    commits = 0

    def count_commit() -> bool:
        nonlocal commits
        commits += 1
        return False

    storage._writer._connection.set_commit_hook(count_commit)
    async with anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(add_clients, storage, a_client(root))
    assert await count(storage, ClientFilter(None)) == 200
    assert commits < 50
    storage._writer._connection.set_commit_hook(None)
    await storage.close()


async def test_f03_a_commit_that_fails_is_told_to_the_whole_group(path: Path) -> None:
    """When the commit fails nobody is told yes, nothing is there, and the next write works."""
    storage = SqliteStorage(path)
    root = an_account()
    await add_accounts(storage, root)
    connection = storage._writer._connection
    pages = connection.pragma("page_count")
    connection.pragma("max_page_count", pages)
    failures = 0

    async def one() -> None:
        nonlocal failures
        try:
            await add_clients(storage, *(a_client(root, name="x" * 250) for _ in range(20)))
        except StorageUnavailable:
            failures += 1

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(one)
    assert failures == 10
    assert await count(storage, ClientFilter(None)) == 0
    connection.pragma("max_page_count", 1_000_000)
    await add_clients(storage, a_client(root))
    assert await count(storage, ClientFilter(None)) == 1
    await storage.close()


async def test_a_body_that_awaits_something_else_is_a_programming_error(storage: Storage) -> None:
    """A body that suspends is refused loudly, and changes nothing."""
    root = an_account()

    async def body(transaction: Transaction) -> None:
        await transaction.accounts.add(root)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaited"):
        await storage.write(body)
    assert await storage.read(lambda snapshot: snapshot.accounts.root()) is None


async def test_two_processes_write_to_one_file(storage: Storage, path: Path) -> None:
    """Another process with the same database open sees our commits, and we see its, without an error on either side."""
    root = an_account()
    await add_accounts(storage, root)
    await add_clients(storage, a_client(root))
    script = """
import asyncio, sys
from pathlib import Path
from tests.storage.conformance.steps import add_clients, count
from tests.storage.records import a_client
from clientry.storage import ClientFilter
from clientry.storage.sqlite import SqliteStorage
async def main():
    storage = SqliteStorage(Path(sys.argv[1]))
    root = await storage.read(lambda snapshot: snapshot.accounts.root())
    assert await count(storage, ClientFilter(None)) >= 1
    for _ in range(50):
        await add_clients(storage, a_client(root))
    await storage.close()
asyncio.run(main())
"""
    here = Path(__file__).parents[2]
    other = await anyio.open_process([sys.executable, "-c", script, str(path)], cwd=here)
    for _ in range(50):
        await add_clients(storage, a_client(root))
    assert await other.wait() == 0
    assert await count(storage, ClientFilter(None)) == 101


def test_f19_a_newer_database_is_refused(path: Path) -> None:
    """A database with a migration that this program does not know is refused, and not touched."""
    connection = apsw.Connection(str(path))
    connection.execute("INSERT INTO schema_migrations VALUES (9999, '9999_future.sql', 'x')")
    connection.close()
    with pytest.raises(ConfigurationError, match="newer than the program"):
        SqliteStorage(path)


def test_f19_a_changed_migration_is_refused() -> None:
    """A migration whose content differs from what was applied is refused; an applied one is not applied again."""
    step = Migration(1, "0001_initial.sql", "a", "")
    assert schema_of((step,), []).pending == (step,)
    assert schema_of((step,), [Applied(1, "0001_initial.sql", "a")]).pending == ()
    with pytest.raises(ConfigurationError, match="another content"):
        schema_of((step,), [Applied(1, "0001_initial.sql", "b")])


def test_f19_a_newer_schema_is_used_by_the_programs_that_it_names() -> None:
    """A program goes on with a migration that it does not know if its name says from which one on programs may."""
    known = tuple(Migration(number, f"{number:04}_x.sql", "a", "") for number in (1, 2))
    done = [Applied(1, "0001_x.sql", "a"), Applied(2, "0002_x.sql", "a")]
    assert schema_of(known, [*done, Applied(3, "0003_y.from-0002.sql", "z")]).version == 3
    for name in ("0003_y.from-0003.sql", "0003_y.sql"):
        with pytest.raises(ConfigurationError, match="newer than the program"):
            schema_of(known, [*done, Applied(3, name, "z")])


def test_migrations_are_numbered_without_gaps() -> None:
    """The files are 0001, 0002, … in order, and of the same names on every engine."""
    assert [step.number for step in load("sqlite")] == list(range(1, len(load("sqlite")) + 1))
    assert [step.name for step in load("sqlite")] == [step.name for step in load("postgres")]


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """Something else under the database's name is told, and left as it is."""
    path.write_bytes(b"This is not a database. " * 100)
    with pytest.raises(ConfigurationError, match="not a Clientry database"):
        migrate(path)
    assert path.read_bytes().startswith(b"This is not")


def test_a_directory_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """A path in no directory is a configuration error with the reason."""
    with pytest.raises(ConfigurationError, match="No such file"):
        migrate(tmp_path / "nowhere" / "clientry.db")
