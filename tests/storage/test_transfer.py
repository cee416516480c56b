"""Moving a whole database: backup, restoring, and from one engine to the other."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest
from tests.storage.conformance.steps import add_accounts, add_clients, count, delete, listed, replace
from tests.storage.records import a_change, a_client, a_signing_key, an_account
from tests.support.postgres import Postgres

from clientry.errors import ConfigurationError
from clientry.records.account import Account
from clientry.settings.database_url import DatabaseUrl, parse, sqlite_url
from clientry.storage import ClientFilter, ClientStatus, Storage, Transaction
from clientry.storage.engines import migrate, open_source, open_storage, open_target
from clientry.storage.rows import Row
from clientry.storage.tables import TABLES, Table
from clientry.storage.transfer import BATCH, Copied, Mismatch, copy

pytestmark = pytest.mark.anyio

EVERYTHING = ClientFilter(None, status=ClientStatus.ANY)


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> DatabaseUrl:
    """Give an empty database of each engine."""
    made = sqlite_url(tmp_path / "source.db") if request.param == "sqlite" else parse(postgres.new_database())
    await migrate(made)
    return made


@pytest.fixture
async def storage(url: DatabaseUrl) -> AsyncIterator[Storage]:
    opened = await open_storage(url, 4)
    yield opened
    await opened.close()


async def fill(storage: Storage) -> Account:
    """Store something of every kind, a deleted client included."""
    root = an_account()
    child = an_account(root)
    await add_accounts(storage, root, child)
    clients = [a_client(child, name=f"ü{number}\n", locked=(None, True, False)[number % 3]) for number in range(30)]
    await add_clients(storage, *clients)
    await replace(storage, clients[0], enabled=False)
    await delete(storage, clients[1])

    async def body(transaction: Transaction) -> None:
        await transaction.signing_keys.add(a_signing_key("k"))
        await transaction.key_checks.add("pepper", b"\0\xff")
        await transaction.audit_events.append(a_change(root))

    await storage.write(body)
    return root


def ignore(done: int, total: int) -> None:
    assert 0 <= done <= total


async def copied(source: DatabaseUrl, target: DatabaseUrl) -> tuple[Copied, ...]:
    return await copy(open_source(source), open_target(target), ignore)


async def test_f20_a_copy_of_a_copy_is_the_same_on_either_engine(
    storage: Storage, url: DatabaseUrl, postgres: Postgres, tmp_path: Path
) -> None:
    """From any engine to PostgreSQL, from there to SQLite: the same rows and checksums, and a database that works."""
    root = await fill(storage)
    first = await copied(url, parse(there := postgres.new_database()))
    second = await copied(parse(there), sqlite_url(tmp_path / "target.db"))
    assert first == second
    assert {one.table: one.rows for one in first}["clients"] == 30
    for place in (parse(there), sqlite_url(tmp_path / "target.db")):
        again = await open_storage(place, 1)
        assert await listed(again, EVERYTHING) == await listed(storage, EVERYTHING)
        await add_clients(again, a_client(root))
        assert await count(again, EVERYTHING) == await count(storage, EVERYTHING) + 1
        await again.close()


class _Writing:
    """A thread that adds clients to a database, one after the other, as another process would."""

    def __init__(self, url: DatabaseUrl, root: Account) -> None:
        self._url = url
        self._root = root
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()))
        self.written = 0

    def __enter__(self) -> "_Writing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for_one_more(self, *_: int) -> None:
        """Return when a client was added that was not there at the call."""
        before, deadline = self.written, time.monotonic() + 20
        while self.written == before:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    async def _write(self) -> None:
        storage = await open_storage(self._url, 1)
        while not self._stop.is_set():
            await add_clients(storage, a_client(self._root))
            self.written += 1
        await storage.close()


async def test_f20_a_backup_under_load_is_one_state(storage: Storage, url: DatabaseUrl, tmp_path: Path) -> None:
    """A backup holds what was acknowledged before it began and nothing later, though a client was added after each table."""
    root = await fill(storage)
    with _Writing(url, root) as writing:
        writing.wait_for_one_more()
        before = set(await listed(storage, EVERYTHING))
        begun = writing.written
        await copy(open_source(url), open_target(sqlite_url(tmp_path / "backup.db")), writing.wait_for_one_more)
        assert writing.written - begun >= len(TABLES) // 2
    after = await listed(storage, EVERYTHING)
    restored = await open_storage(sqlite_url(tmp_path / "backup.db"), 1)
    try:
        found = await listed(restored, EVERYTHING)
        assert before <= set(found) <= set(after)
        assert len(after) - len(found) >= len(TABLES) // 2
        assert await count(restored, EVERYTHING) == len(found)
        assert [await restored.credentials(client_id) for client_id in found].count(None) == 0
    finally:
        await restored.close()


async def test_a_target_that_holds_something_is_refused(storage: Storage, url: DatabaseUrl, tmp_path: Path) -> None:
    """Neither a database in use nor a file that is there is written to."""
    await fill(storage)
    backup = sqlite_url(tmp_path / "backup.db")
    await copied(url, backup)
    before = backup.path.read_bytes()
    with pytest.raises(ConfigurationError, match="already"):
        await copied(backup, url)
    with pytest.raises(ConfigurationError, match="already"):
        await copied(url, backup)
    assert backup.path.read_bytes() == before


class _Unfaithful:
    """A target that changes what it is given of one table."""

    def __init__(self, target: object, table: str, change: Callable[[list[Row]], list[Row]]) -> None:
        self._target = target
        self._table = table
        self._change = change

    async def __aenter__(self) -> "_Unfaithful":
        self._open = await self._target.__aenter__()  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._target.__aexit__(*failure)  # type: ignore[attr-defined]

    async def count(self, table: Table) -> int:
        return await self._open.count(table)

    def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        return self._open.rows(table)

    async def add(self, table: Table, rows: list[Row]) -> None:
        await self._open.add(table, self._change(rows) if table.name == self._table else rows)


def _lost(rows: list[Row]) -> list[Row]:
    """Return the rows without the last one."""
    return rows[:-1]


def _altered(rows: list[Row]) -> list[Row]:
    """Return the rows with one more exclamation mark in the name of the last account."""
    return [*rows[:-1], tuple(value + "!" if value == "Name" else value for value in rows[-1])]


@pytest.mark.parametrize(
    ("table", "change"), [("audit_events", _lost), ("accounts", _altered)], ids=["lost", "altered"]
)
async def test_a_copy_that_differs_is_thrown_away(
    storage: Storage,
    url: DatabaseUrl,
    postgres: Postgres,
    tmp_path: Path,
    table: str,
    change: Callable[[list[Row]], list[Row]],
) -> None:
    """When a single row does not arrive, or not as it was, the copy fails by name, and the target is as empty as before."""
    await fill(storage)
    place = parse(postgres.new_database())
    for target in (place, sqlite_url(tmp_path / "target.db")):
        with pytest.raises(Mismatch, match=table):
            await copy(open_source(url), _Unfaithful(open_target(target), table, change), ignore)  # type: ignore[arg-type]
    assert list(tmp_path.glob("*target*")) == []
    assert {one.rows for one in await copied(url, place)} >= {30}


async def test_more_rows_than_a_batch_are_all_copied(storage: Storage, url: DatabaseUrl, tmp_path: Path) -> None:
    """A table larger than what is held at a time arrives whole."""
    root = an_account()
    await add_accounts(storage, root)
    clients = [a_client(root) for _ in range(BATCH + 1)]
    await storage.write(lambda transaction: transaction.clients.add_all(clients))
    found = await copied(url, sqlite_url(tmp_path / "target.db"))
    assert {one.table: one.rows for one in found}["clients"] == BATCH + 1


async def test_an_older_backup_can_be_restored(tmp_path: Path) -> None:
    """A file that the version before made is brought up to date on the way, and itself left as it is."""
    old = tmp_path / "old.db"
    await migrate(sqlite_url(old), to=1)
    before = old.read_bytes()
    await copied(sqlite_url(old), sqlite_url(tmp_path / "new.db"))
    assert old.read_bytes() == before
    await (await open_storage(sqlite_url(tmp_path / "new.db"), 1)).close()


async def test_the_list_of_tables_is_the_schema(url: DatabaseUrl, postgres: Postgres, tmp_path: Path) -> None:
    """Every table and column of the schema is moved: one that somebody adds and forgets here fails this test."""
    listed_here = {table.name: set(table.columns) for table in TABLES}
    if url.text.startswith("sqlite"):
        rows = apsw.Connection(str(url.path)).execute(
            "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c "
            "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        )
        found = [(str(row[0]), str(row[1])) for row in rows]
    else:
        statement = (
            "SELECT table_name || ',' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
        name = url.text.partition("?")[0].rpartition("/")[2]
        found = [(line.split(",")[0], line.split(",")[1]) for line in postgres.sql(statement, name).splitlines()]
    there: dict[str, set[str]] = {}
    for table, column in found:
        there.setdefault(table, set()).add(column)
    assert there.pop("schema_migrations") == {"number", "name", "checksum"}
    assert there == listed_here
