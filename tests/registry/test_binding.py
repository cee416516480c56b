"""Taking over the verifiers that programs of before have made."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs
from tests.storage.conformance.steps import add_accounts
from tests.storage.records import a_client, a_secret, an_account
from tests.support.postgres import Postgres

from clientry.records.secret import ClientSecret
from clientry.records.verifier import PLAIN, WRAPPED, Pepper
from clientry.registry.binding import BATCH, bind_verifiers
from clientry.settings.database_url import parse, sqlite_url
from clientry.storage import Storage, Transaction
from clientry.storage.engines import migrate, open_storage

pytestmark = pytest.mark.anyio

PEPPER = Pepper(b"p" * 32)
MANY = 2 * BATCH + 3


@pytest.fixture(params=["sqlite", "postgresql"])
async def storage(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> AsyncIterator[Storage]:
    """Give a database of each engine."""
    url = sqlite_url(tmp_path / "clientry.db") if request.param == "sqlite" else parse(postgres.new_database())
    await migrate(url)
    opened = await open_storage(url, 4)
    yield opened
    await opened.close()


async def add_plain(storage: Storage, count: int) -> list[ClientSecret]:
    """Store secrets as a program of before kept them; the text of each is its id."""
    account = an_account()
    await add_accounts(storage, account)
    clients = [a_client(account) for _ in range(count)]
    bare = [structs.replace(a_secret(client), hint=a_secret(client).secret_id[-4:]) for client in clients]
    kept = [
        structs.replace(one, hint=one.secret_id[-4:], verifier=PEPPER.plain_verifier(one.secret_id)) for one in bare
    ]

    async def body(transaction: Transaction) -> None:
        await transaction.clients.add_all(clients)
        await transaction.secrets.add_all(kept)

    await storage.write(body)
    return kept


async def count(storage: Storage, tag: bytes) -> int:
    return await storage.read(lambda snapshot: snapshot.verifiers.count(tag))


async def test_binding_that_was_interrupted_goes_on_where_it_was(storage: Storage) -> None:
    """What was wrapped stays so, what was not is wrapped by the next run, and each secret still matches; a third finds nothing."""
    kept = await add_plain(storage, MANY)

    def interrupt(done: int, total: int) -> None:
        assert (done, total) == (BATCH, MANY)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await bind_verifiers(storage, PEPPER, interrupt)
    assert (await count(storage, PLAIN), await count(storage, WRAPPED)) == (MANY - BATCH, BATCH)
    told: list[tuple[int, int]] = []
    await bind_verifiers(storage, PEPPER, lambda done, total: told.append((done, total)))
    assert told == [(BATCH, BATCH + 3), (BATCH + 3, BATCH + 3)]
    assert (await count(storage, PLAIN), await count(storage, WRAPPED)) == (0, MANY)
    for one in kept[::100]:
        found = await storage.credentials(one.client_id)
        assert found is not None
        assert PEPPER.matches(one.secret_id, found.secrets, plain=False) == 0
    await bind_verifiers(storage, PEPPER, lambda _done, _total: pytest.fail("there is nothing left"))


async def test_binding_passes_over_what_was_changed_meanwhile(storage: Storage) -> None:
    """A secret that was deleted since it was read does not come back, and one with another verifier keeps it."""
    gone, changed = await add_plain(storage, 2)
    other = PEPPER.verifier("other", changed)

    async def body(transaction: Transaction) -> None:
        await transaction.secrets.delete(gone)
        await transaction.verifiers.replace_all([(changed, other)])
        await transaction.verifiers.replace_all([(one, PEPPER.wrap(one)) for one in (gone, changed)])

    await storage.write(body)
    found = await storage.credentials(changed.client_id)
    assert found is not None
    assert [one.verifier for one in found.secrets] == [other]
    assert await count(storage, WRAPPED) == 0
