"""What each server tidies up by itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.storage.records import NOW

from clientry.housekeeping import BATCH, Housekeeping
from clientry.storage import Storage, Transaction
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.schema import migrate

pytestmark = pytest.mark.anyio


class Stopped:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = float(NOW)

    def now(self) -> float:
        return self.time


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    migrate(tmp_path / "clientry.db")
    opened = SqliteStorage(tmp_path / "clientry.db")
    yield opened
    await opened.close()


async def test_expired_answers_are_deleted(storage: Storage) -> None:
    """All of them, however many, and none a second too early."""
    clock = Stopped()
    digests = [number.to_bytes(32) for number in range(BATCH + 3)]

    async def keep(transaction: Transaction) -> None:
        for digest in digests:
            assert await transaction.answers.claim(digest, NOW, NOW + 10)

    async def left() -> int:
        return await storage.write(lambda transaction: transaction.answers.purge(NOW + 99, 9999))

    await storage.write(keep)
    clock.time = NOW + 9.9
    await Housekeeping(storage, clock).tidy()
    assert await storage.read(lambda snapshot: snapshot.answers.get(digests[0], NOW)) == b""
    clock.time = NOW + 10
    await Housekeeping(storage, clock).tidy()
    assert await left() == 0
