"""The PostgreSQL engine: the suite of every engine, and what is particular to it."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import pytest
from msgspec import structs
from tests.storage.conformance import *  # noqa: F403 - the suite is these tests
from tests.storage.conformance.steps import add_accounts, add_clients, count
from tests.storage.records import a_client, a_secret, an_account
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy

from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.records.client import Client
from clientry.settings.database_url import parse
from clientry.storage import ClientFilter, Storage, Transaction
from clientry.storage.engines import migrate, open_storage, read_schema

pytestmark = pytest.mark.anyio


@pytest.fixture
async def url(postgres: Postgres) -> str:
    """Give a database whose schema is up to date."""
    made = postgres.new_database()
    await migrate(parse(made))
    return made


@pytest.fixture
async def storage(url: str) -> AsyncIterator[Storage]:
    opened = await open_storage(parse(url), 10)
    yield opened
    await opened.close()


async def test_two_accounts_that_change_at_once_do_not_wait_for_each_other(storage: Storage) -> None:
    """While a change of one account is not committed yet, clients of its sibling are made, listed and counted."""
    root = an_account()
    one, other = an_account(root), an_account(root)
    await add_accounts(storage, root, one, other)
    begun, finish = asyncio.Event(), asyncio.Event()
    slow_client = a_client(one)

    async def slow(transaction: Transaction) -> None:
        await transaction.clients.add(slow_client)
        await transaction.secrets.add(a_secret(slow_client))
        begun.set()
        await finish.wait()

    waiting = asyncio.create_task(storage.write(slow))
    await begun.wait()
    await asyncio.wait_for(add_clients(storage, a_client(other)), 0.5)
    assert await count(storage, ClientFilter(root.account_id)) == 1
    finish.set()
    await waiting
    assert await count(storage, ClientFilter(root.account_id)) == 2


async def test_look_ups_that_wait_share_a_statement(storage: Storage, postgres: Postgres, url: str) -> None:
    """500 look-ups at once, of clients that are there, not there and not even possible, get each its own answer."""
    root = an_account()
    await add_accounts(storage, root)
    clients = [a_client(root) for _ in range(20)]
    await add_clients(storage, *clients)
    wanted = [*(client.client_id for client in clients), "apiclient_x", "", "\0", "ä", "\ud800"] * 20
    found = await asyncio.gather(*(storage.credentials(client_id) for client_id in wanted))
    for client_id, answer in zip(wanted, found, strict=True):
        if answer is None:
            assert client_id not in {client.client_id for client in clients}
        else:
            assert answer.client.client_id == client_id
            assert [secret.client_id for secret in answer.secrets] == [client_id]


async def test_f19_nodes_that_migrate_at_once_take_turns(postgres: Postgres) -> None:
    """Eight nodes that start on an empty database apply each migration once, and all come up."""
    made = postgres.new_database()
    await asyncio.gather(*(migrate(parse(made)) for _ in range(8)))
    schema = await read_schema(parse(made))
    assert schema.pending == ()
    assert [applied.number for applied in schema.done] == list(range(1, schema.version + 1))


async def test_a_user_without_the_right_to_change_the_schema_is_told(postgres: Postgres) -> None:
    """Running as a user who may not migrate says so, and who may; after that user migrated, it runs."""
    made = postgres.new_database()
    name = made.partition("?")[0].rpartition("/")[2]
    user = f"runner_{os.urandom(4).hex()}"
    postgres.sql(f"CREATE USER {user}")
    running = parse(made.replace("clientry@", f"{user}@"))
    with pytest.raises(ConfigurationError, match="clientry migrate"):
        await migrate(running)
    await migrate(parse(made))
    postgres.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}", name)
    await migrate(running)
    opened = await open_storage(running, 2)
    await add_accounts(opened, an_account())
    await opened.close()


async def test_a_database_that_is_not_there_is_told_without_its_password(postgres: Postgres, free_port: int) -> None:
    """A wrong name, a wrong port and a standby are configuration errors which name the place and hide the password."""
    missing = postgres.url("missing").replace("clientry@", "clientry:hush@")
    nowhere = f"postgresql://clientry:hush@127.0.0.1:{free_port}/clientry"
    for place in (missing, nowhere):
        with pytest.raises(ConfigurationError) as refused:
            await open_storage(parse(place), 1)
        assert "127.0.0.1" in str(refused.value)
        assert "hush" not in str(refused.value)


async def test_more_transactions_than_may_wait_are_refused_at_once(url: str) -> None:
    """With one connection taken, the queue is bounded: what is beyond it is refused, what is in it is done."""
    storage = await open_storage(parse(url), 1)
    root = an_account()
    await add_accounts(storage, root)
    tries = [asyncio.create_task(add_clients(storage, a_client(root))) for _ in range(80)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, StorageUnavailable)]
    assert len(refused) == 29
    assert await count(storage, ClientFilter(None)) == 51
    await storage.close()


async def test_transactions_that_lock_each_other_out_are_run_again(postgres: Postgres, url: str) -> None:
    """Two changes of the same two clients in opposite order deadlock; the one that loses is run again, and both are done."""
    # A deadlock is looked for after a second, which leaves a busy machine too little of TIMEOUT for the second run.
    postgres.sql(f"ALTER DATABASE {urlsplit(url).path[1:]} SET deadlock_timeout = 100")
    storage = await open_storage(parse(url), 10)
    root = an_account()
    await add_accounts(storage, root)
    clients = [a_client(root) for _ in range(2)]
    await add_clients(storage, *clients)
    met = asyncio.Barrier(2)
    runs = 0

    async def change(order: list[Client]) -> None:
        first_run = True

        async def body(transaction: Transaction) -> None:
            nonlocal runs, first_run
            runs += 1
            for number, client in enumerate(order):
                old = await transaction.clients.get(client.client_id)
                assert old is not None
                longer = structs.replace(old, token_lifetime=old.token_lifetime + 1, version=old.version + 1)
                await transaction.clients.replace(old, longer)
                if first_run and number == 0:
                    first_run = False
                    await met.wait()

        await storage.write(body)

    await asyncio.gather(change(clients), change(clients[::-1]))
    assert runs > 2
    for client in clients:
        found = await storage.client(client.client_id)
        assert found is not None
        assert (found.token_lifetime, found.version) == (client.token_lifetime + 2, 3)
    await storage.close()


async def test_the_way_to_the_database_can_be_encrypted(
    postgres: Postgres, url: str, certificate: tuple[Path, Path]
) -> None:
    """With verify-full the right server is spoken to in TLS, and one whose certificate nobody vouches for is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with Proxy(postgres.port, context) as proxy:
        place = url.replace(f":{postgres.port}/", f":{proxy.port}/").replace("sslmode=disable", "sslmode=verify-full")
        checked = f"{place}&sslrootcert={certificate[0]}"
        storage = await open_storage(parse(checked), 1)
        await add_accounts(storage, an_account())
        await storage.close()
        with pytest.raises(ConfigurationError):
            await open_storage(parse(checked.replace(str(certificate[0]), certifi.where())), 1)
