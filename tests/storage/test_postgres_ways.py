"""The ways to a PostgreSQL database: sockets, poolers, other encodings, files of somebody else, tables that change meanwhile."""

import asyncio
import os
import pwd
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from tests.conftest import StartServer
from tests.storage.conformance.steps import add_accounts, add_clients, count
from tests.storage.records import a_client, an_account
from tests.support.pgbouncer import POOL, PgBouncer
from tests.support.postgres import USER, Postgres
from tests.support.registry import Registry
from tests.support.wire import ask_token

from clientry.errors import ConfigurationError
from clientry.settings.database_url import parse
from clientry.settings.values import Pooler
from clientry.storage import AccountFilter, ClientFilter, Snapshot, Start, Storage
from clientry.storage.engines import migrate, open_source, open_storage, open_target, read_schema
from clientry.storage.forms import unfinished
from clientry.storage.postgres.connection import connect
from clientry.storage.postgres.default_files import readable_default
from clientry.storage.transfer import copy

AS_USER = """
import asyncio, os, sys
from clientry.settings.database_url import parse
from clientry.storage.forms import unfinished
from clientry.storage.postgres.connection import connect

async def main():
    await (await connect(parse(sys.argv[2]))).close()

os.setuid(int(sys.argv[1]))
asyncio.run(main())
"""

pytestmark = pytest.mark.anyio


@pytest.fixture
async def url(postgres: Postgres) -> str:
    """Give a database whose schema is up to date."""
    made = postgres.new_database()
    await migrate(parse(made))
    return made


@pytest.fixture
async def storage(url: str) -> AsyncIterator[Storage]:
    opened = await open_storage(parse(url), 4)
    yield opened
    await opened.close()


@pytest.fixture(scope="module", params=["", "jit,lock_timeout,idle_in_transaction_session_timeout"])
def pooler(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[PgBouncer]:
    """Give a PgBouncer in transaction mode: one that refuses parameters at the start, and one that drops them."""
    running = PgBouncer(postgres, request.param)
    yield running
    running.remove()


async def test_reads_are_planned_again_after_a_table_has_changed(
    storage: Storage, postgres: Postgres, url: str
) -> None:
    """Look-ups, single reads, lists and counts go on after each of the tables that they read was changed under them."""
    root = an_account()
    client = a_client(root)
    await add_accounts(storage, root)
    await add_clients(storage, client)

    async def everything(snapshot: Snapshot) -> tuple[object, ...]:
        clients, accounts = ClientFilter(None, name="c"), AccountFilter(None)
        return (
            await snapshot.clients.slice(clients, Start(), 10),
            await snapshot.clients.get(client.client_id),
            await snapshot.accounts.slice(accounts, Start(), 10),
            await snapshot.secrets.of(client.client_id),
        )

    before = await storage.read(everything)
    found = await storage.credentials(client.client_id)
    # Two connections of the pool have plans of their own.
    await asyncio.gather(*(storage.read(everything) for _ in range(4)))
    for table, column in (("clients", "name"), ("accounts", "friendly_name"), ("client_secrets", "hint")):
        postgres.sql(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE varchar(300)", urlsplit(url).path[1:])
        assert await asyncio.gather(*(storage.read(everything) for _ in range(4))) == [before] * 4
        assert await storage.credentials(client.client_id) == found


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_of_another_encoding_is_refused_at_the_start(postgres: Postgres, encoding: str) -> None:
    """Nothing is made in it, and the message names the encoding and the way to a right one."""
    name = f"other_{encoding.lower()}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
    place = parse(postgres.url(name))
    for attempt in (migrate(place), read_schema(place), open_storage(place, 1)):
        with pytest.raises(ConfigurationError, match=f"encoding {encoding}.*ENCODING 'UTF8'"):
            await attempt
    assert postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == "0"


async def test_a_url_can_name_the_directory_of_a_socket(postgres: Postgres, url: str) -> None:
    """Both spellings of libpq work: percent-encoded where the host stands, and as a parameter."""
    folder, name = str(postgres.sockets), urlsplit(url).path[1:]
    for text in (
        f"postgresql://{USER}@{quote(folder, safe='')}:{postgres.port}/{name}",
        f"postgresql:///{name}?host={quote(folder, safe='')}&port={postgres.port}&user={USER}",
    ):
        opened = await open_storage(parse(text), 1)
        assert await count(opened, ClientFilter(None)) == 0
        await opened.close()


async def test_a_pooler_is_found_and_everything_works_through_it(
    pooler: PgBouncer, postgres: Postgres, start_server: StartServer
) -> None:
    """By default and by name, more transactions and look-ups at once than the pooler has connections are all done."""
    database = postgres.new_database()
    through = parse(pooler.url(database))
    await migrate(through)
    root = an_account()
    for setting in (Pooler.AUTO, Pooler.TRANSACTION):
        storage = await open_storage(through, 3 * POOL, setting)
        if setting is Pooler.AUTO:
            await add_accounts(storage, root)
        known, *clients = [a_client(root) for _ in range(100)]
        await add_clients(storage, known)
        adding = asyncio.gather(*(add_clients(storage, client) for client in clients))
        while not adding.done():  # each look-up meets transactions that take and leave the pooler's connections
            found = await storage.credentials(known.client_id)
            assert found is not None
            assert found.client == known
        await adding
        found_all = await asyncio.gather(*(storage.credentials(client.client_id) for client in clients))
        assert [one.client for one in found_all if one is not None] == clients
        await storage.check()
        await storage.close()
    served = pooler.url(postgres.new_database())
    server = start_server(database=served)
    registry = Registry(server.url, server.admin)
    made = [registry.create() for _ in range(5)]
    assert {ask_token(server.url, client.form).status for client in made} == {200}
    assert not unfinished((await read_schema(parse(served))).done)


async def test_what_others_do_on_the_same_connection_does_not_get_between(postgres: Postgres, url: str) -> None:
    """With one connection for all, look-ups are not mixed up with the statements of somebody else, who asks all the time."""
    pooler = PgBouncer(postgres, size=1)
    through = parse(pooler.url(url))
    root = an_account()
    client = a_client(root)
    storage = await open_storage(through, 1)
    await add_accounts(storage, root)
    await add_clients(storage, client)
    over = threading.Event()

    async def ask() -> None:
        other = await connect(through)
        while not over.is_set():
            await other.execute("BEGIN")
            await other.fetch("SELECT 1")
            await other.execute("COMMIT")
        await other.close()

    others = [threading.Thread(target=asyncio.run, args=(ask(),)) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for _ in range(100):
            found = await storage.credentials(client.client_id)
            assert found is not None
            assert found.client == client
            assert await count(storage, ClientFilter(None)) == 1
            await storage.check()
    finally:
        over.set()
        for other in others:
            other.join()
    await storage.close()
    pooler.remove()


async def test_a_database_is_copied_through_a_pooler(pooler: PgBouncer, postgres: Postgres, url: str) -> None:
    """A copy from one database to another, both behind the pooler, arrives whole."""
    storage = await open_storage(parse(url), 1)
    root = an_account()
    await add_accounts(storage, root)
    await add_clients(storage, *(a_client(root) for _ in range(20)))
    await storage.close()
    source, target = parse(pooler.url(url)), parse(pooler.url(postgres.new_database()))
    copied = await copy(open_source(source), open_target(target), lambda done, total: None)
    assert {one.table: one.rows for one in copied}["clients"] == 20


async def test_a_limit_on_waiting_for_locks_holds_behind_a_pooler(pooler: PgBouncer, url: str) -> None:
    """Each transaction has the limits that a connection of its own would have."""
    storage = await open_storage(parse(pooler.url(url)), 1)

    async def limits(snapshot: Snapshot) -> list[str]:
        session = snapshot.clients._session  # type: ignore[attr-defined]
        shown = [await session.run(f"SHOW {name}") for name in ("lock_timeout", "jit")]
        return [rows[0][0] for rows in shown]

    assert await storage.read(limits) == ["1500ms", "off"]
    await storage.close()


async def test_without_a_pooler_none_is_found(url: str) -> None:
    """On a connection of its own statements stay planned: there is no price for what is not there."""
    storage = await open_storage(parse(url), 1)
    assert storage._pool._direct  # type: ignore[attr-defined]
    await storage.close()


def test_default_files_that_cannot_be_read_count_as_absent(postgres: Postgres, tmp_path: Path) -> None:
    """With a HOME that it may not enter, a user connects as if there were nothing in it."""
    home = tmp_path / "home"
    home.mkdir(mode=0)
    url = postgres.new_database().replace("?sslmode=disable", "")
    user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
    command = [sys.executable, "-c", AS_USER, str(user), url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "HOME": str(home)})
    assert (done.returncode, done.stderr) == (0, "")


def test_half_a_pair_of_default_files_counts_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A certificate whose key may not be read is left out, too; what is there and readable, or just missing, is as ever."""
    folder = tmp_path / ".postgresql"
    folder.mkdir()
    for name in ("postgresql.crt", "postgresql.key"):
        (folder / name).touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert readable_default("postgresql.crt") == folder / "postgresql.crt"
    assert readable_default("root.crt") == folder / "root.crt"
    monkeypatch.setattr(os, "access", _all_but_the_key)  # modes stop nobody where root runs the tests
    assert readable_default("postgresql.crt") is None
    assert readable_default("postgresql.key") is None


def _all_but_the_key(path: Path, _mode: int) -> bool:
    return path.name != "postgresql.key"
