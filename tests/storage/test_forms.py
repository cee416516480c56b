"""Forms: when they may be written, and how a process learns it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.postgres import Postgres

from clientry.errors import ConfigurationError
from clientry.settings.database_url import DatabaseUrl, parse, sqlite_url
from clientry.storage import Storage, Transaction
from clientry.storage.engines import advance, migrate, open_source, open_storage, open_target, read_schema
from clientry.storage.forms import BOUND_VERIFIERS, FORMS, unfinished
from clientry.storage.migration import Applied, Stage, load, renamed, schema_of
from clientry.storage.transfer import copy

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> DatabaseUrl:
    """Give a database of each engine whose schema is up to date."""
    made = sqlite_url(tmp_path / "clientry.db") if request.param == "sqlite" else parse(postgres.new_database())
    await migrate(made)
    return made


@pytest.fixture
async def storage(url: DatabaseUrl) -> AsyncIterator[Storage]:
    opened = await open_storage(url, 4)
    yield opened
    await opened.close()


async def asked(storage: Storage) -> bool:
    async def body(transaction: Transaction) -> bool:
        return await transaction.forms.may_write(BOUND_VERIFIERS)

    return await storage.write(body)


async def test_a_transaction_learns_at_once_and_a_process_when_it_reads_again(
    storage: Storage, url: DatabaseUrl
) -> None:
    """What is stored follows the database; what is signed follows the last reading; both go from shared to finished."""
    known: list[tuple[bool, bool, bool]] = []

    async def look() -> None:
        memory = storage.forms
        known.append((memory.may_write(BOUND_VERIFIERS), memory.is_alone(BOUND_VERIFIERS), await asked(storage)))

    await look()
    for stage in (Stage.FINISHING, Stage.FINISHED):
        await advance(url, stage)
        await look()
        await storage.reread_forms()
        await look()
    assert known == [
        (False, False, False),
        (False, False, True),
        (True, False, True),
        (True, False, True),
        (True, True, True),
    ]
    assert unfinished((await read_schema(url)).done) == ()


async def test_finishing_waits_for_a_transaction_that_was_told_of_the_old_form(postgres: Postgres) -> None:
    """So no record in the old form comes after finishing has looked for them; the next transaction is told of the new one."""
    url = parse(postgres.new_database())
    await migrate(url)
    storage = await open_storage(url, 4)
    told, go_on = asyncio.Event(), asyncio.Event()

    async def slow(transaction: Transaction) -> bool:
        told_so = await transaction.forms.may_write(BOUND_VERIFIERS)
        told.set()
        await go_on.wait()
        return told_so

    try:
        writing = asyncio.create_task(storage.write(slow))
        await told.wait()
        finishing = asyncio.create_task(advance(url, Stage.FINISHING))
        await asyncio.sleep(0.3)
        behind = asyncio.create_task(asked(storage))
        await asyncio.sleep(0.1)
        assert not finishing.done()
        assert not behind.done()
        go_on.set()
        assert [await writing, await behind] == [False, True]
        await finishing
    finally:
        await storage.close()


async def test_a_program_of_before_refuses_a_database_that_is_finished(url: DatabaseUrl) -> None:
    """While it is shared it may use it; afterwards its start says that the database is newer."""
    before = load(url.engine.value if url.engine.value == "sqlite" else "postgres")[:-1]
    assert schema_of(before, (await read_schema(url)).done).pending == ()
    await advance(url, Stage.FINISHING)
    with pytest.raises(ConfigurationError, match="newer than the program"):
        schema_of(before, (await read_schema(url)).done)


async def test_a_copy_is_as_finished_as_what_it_was_made_of(
    url: DatabaseUrl, postgres: Postgres, tmp_path: Path
) -> None:
    """Or a program of before could be started on it, and would not understand what is in it."""
    await advance(url, Stage.FINISHING)
    target = parse(postgres.new_database()) if url.engine.value == "sqlite" else sqlite_url(tmp_path / "copy.db")
    await copy(open_source(url), open_target(target), lambda _done, _total: None)
    assert [one.name for one in (await read_schema(target)).done] == [one.name for one in (await read_schema(url)).done]


def test_only_migrations_that_the_program_knows_are_finished() -> None:
    """What a newer program has added stays shared: this one could not take over what belongs to it."""
    known = load("sqlite")
    newer = Applied(9999, "9999_future.from-0008.sql", "x")
    done = [*(Applied(one.number, one.name, one.checksum) for one in known), newer]
    assert 9999 not in {number for _, number in renamed(known, done, Stage.FINISHING)}
    assert len(renamed(known, done, Stage.FINISHING)) == len(known) - 1


def test_every_form_came_with_a_migration_of_each_engine() -> None:
    """A form whose migration does not exist could never be written."""
    for engine in ("sqlite", "postgres"):
        numbers = {one.number for one in load(engine) if Applied(one.number, one.name, "").stage is Stage.SHARED}
        assert {form.migration for form in FORMS} <= numbers
