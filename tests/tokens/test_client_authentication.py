"""Failed client authentication, from within: when it is answered, and how many may wait for that."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clientry.clock import SystemClock
from clientry.oauth2 import InvalidClient, TemporarilyUnavailable
from clientry.records.verifier import Pepper
from clientry.storage import Credentials, Storage
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.schema import migrate
from clientry.tokens.client_authentication import (
    FAILURE_DEADLINE,
    MAX_UNDER_WAY,
    ClientAuthentication,
    PresentedCredentials,
)
from clientry.tokens.uses import Uses

pytestmark = pytest.mark.anyio

NOBODY = PresentedCredentials("apiclient_" + "0" * 26, "wrong", "request", "127.0.0.1", "")


class SlowStorage(SqliteStorage):
    """A database whose look-ups take longer than the deadline."""

    async def credentials(self, client_id: str) -> Credentials | None:
        """Return a client with its secrets, late."""
        await asyncio.sleep(1.3 * FAILURE_DEADLINE)
        return await super().credentials(client_id)


@pytest.fixture(params=[SqliteStorage, SlowStorage])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    migrate(tmp_path / "clientry.db")
    opened = request.param(tmp_path / "clientry.db")
    yield opened
    await opened.close()


@pytest.fixture
def authentication(storage: Storage) -> ClientAuthentication:
    return ClientAuthentication(storage, SystemClock(), Pepper(bytes(32)), Uses())


async def test_t13_a_failure_is_answered_at_a_multiple_of_the_deadline(
    authentication: ClientAuthentication, storage: Storage
) -> None:
    """The next one since the request's start: the first where the look-up is fast, the second where it takes longer than one."""
    loop = asyncio.get_running_loop()
    taken: list[float] = []
    for _ in range(10):
        started = loop.time()
        with pytest.raises(InvalidClient):
            await authentication.authenticate(NOBODY)
        taken.append((loop.time() - started) / FAILURE_DEADLINE)
    expected = 2 if isinstance(storage, SlowStorage) else 1
    assert expected - 0.1 <= sorted(taken)[len(taken) // 2] < expected + 0.5


@pytest.mark.parametrize("storage", [SqliteStorage], indirect=True)
async def test_t13_failures_that_wait_are_bounded_and_one_more_is_not_looked_at(
    authentication: ClientAuthentication,
) -> None:
    """The last that may wait fails like all others; the next is refused at once, as an outage; then there is room again."""
    waiting = [asyncio.create_task(authentication.authenticate(NOBODY)) for _ in range(MAX_UNDER_WAY)]
    await asyncio.sleep(0)
    with pytest.raises(TemporarilyUnavailable):
        await authentication.authenticate(NOBODY)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {InvalidClient}
    with pytest.raises(InvalidClient):
        await authentication.authenticate(NOBODY)
