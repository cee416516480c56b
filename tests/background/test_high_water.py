"""The high-water mark of a node: where it is kept, when it is raised, and what it shows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.storage.conformance.steps import add_accounts
from tests.storage.records import a_change, a_signing_key, an_account
from tests.support.postgres import Postgres

from clientry.background import high_water_file
from clientry.background.high_water import HighWater
from clientry.errors import WentBack
from clientry.records.account import Account
from clientry.records.incarnation import EventPlace, HighWaterMark, Incarnation
from clientry.settings import load
from clientry.settings.database_url import parse, sqlite_url
from clientry.storage import Storage
from clientry.storage.engines import migrate, open_storage

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgresql"])
async def storage(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> AsyncIterator[Storage]:
    """Give a database of each engine, in its first incarnation, with a signing key."""
    url = sqlite_url(tmp_path / "one.db") if request.param == "sqlite" else parse(postgres.new_database())
    await migrate(url)
    opened = await open_storage(url, 2)
    await opened.write(lambda transaction: transaction.incarnations.add(Incarnation("one")))
    await opened.write(lambda transaction: transaction.signing_keys.add(a_signing_key("key")))
    yield opened
    await opened.close()


@pytest.fixture
async def root(storage: Storage) -> Account:
    """Give an account whose trail there is."""
    made = an_account()
    await add_accounts(storage, made)
    return made


async def change(storage: Storage, root: Account) -> EventPlace:
    """Make a change, and return its event."""
    await storage.write(lambda transaction: transaction.audit_events.append(a_change(root)))
    assert storage.latest is not None
    return storage.latest


async def begin(storage: Storage, name: str) -> None:
    await storage.write(lambda transaction: transaction.incarnations.replace(Incarnation(name)))


async def test_a_change_is_noted_in_the_database_and_outside(storage: Storage, root: Account, tmp_path: Path) -> None:
    """After a look another node, which has no mark yet, learns of it; a look without a change writes nothing."""
    place = tmp_path / "mark"
    node = HighWater(storage, [place])
    await node.check()
    assert high_water_file.read([place]) == (HighWaterMark("one", (), (), ("key",)),)
    event = await change(storage, root)
    await node.check()
    assert await storage.read(lambda snapshot: snapshot.incarnations.get()) == Incarnation("one", event)
    assert high_water_file.read([place])[0].events == (event,)
    written = place.stat().st_mtime_ns
    await node.check()
    assert place.stat().st_mtime_ns == written


async def test_what_is_lost_is_noticed_until_it_is_back_or_settled(
    storage: Storage, root: Account, tmp_path: Path
) -> None:
    """An event of another node that is gone, an incarnation that was over: refused; a new incarnation is taken."""
    event = await change(storage, root)
    lost = EventPlace(event.account_id, event.sequence + 1, bytes(32))
    place = tmp_path / "mark"
    high_water_file.write([place], HighWaterMark("one", (), (lost,), ("key",)))
    node = HighWater(storage, [place])
    before = place.read_bytes()
    await node.check()
    with pytest.raises(WentBack, match=f"event {lost.sequence} of {lost.account_id}.*clientry restored"):
        node.ensure()
    assert place.read_bytes() == before
    await begin(storage, "two")
    await node.check()
    node.ensure()
    assert high_water_file.read([place])[0].earlier == ("one",)
    await begin(storage, "one")
    await node.check()
    with pytest.raises(WentBack, match="incarnation one again"):
        node.ensure()
    await begin(storage, "two")
    await node.check()
    node.ensure()


async def test_an_acknowledged_change_that_is_lost_is_noticed_without_a_file(
    storage: Storage, root: Account, tmp_path: Path
) -> None:
    """A node that can write nowhere knows what it did itself, as long as it runs; a new incarnation settles that, too."""
    node = HighWater(storage, [tmp_path / "no" / "mark"])
    await node.check()
    event = await change(storage, root)
    storage.latest = EventPlace(event.account_id, event.sequence, bytes(32))  # type: ignore[misc]
    await node.check()
    with pytest.raises(WentBack, match="acknowledged"):
        node.ensure()
    await begin(storage, "two")
    await node.check()
    node.ensure()
    await node.check()
    node.ensure()


async def test_a_signing_key_that_is_lost_stops_those_who_work_with_it(storage: Storage, tmp_path: Path) -> None:
    """A process that holds a key which the database lacks does not sign with it, also in a new incarnation."""
    node = HighWater(storage, [tmp_path / "mark"])
    node.hold(["key", "another"])
    await node.check()
    with pytest.raises(WentBack, match=r"another.*Restart"):
        node.ensure()
    await begin(storage, "two")
    await node.check()
    with pytest.raises(WentBack):
        node.ensure()
    await storage.write(lambda transaction: transaction.signing_keys.add(a_signing_key("another")))
    await node.check()
    node.ensure()


async def test_a_database_without_an_incarnation_says_nothing(tmp_path: Path) -> None:
    """Before the first start, and where only older programs were, there is nothing to compare, and nothing is kept."""
    url = sqlite_url(tmp_path / "one.db")
    await migrate(url)
    storage = await open_storage(url, 1)
    node = HighWater(storage, [tmp_path / "mark"])
    await node.check()
    node.ensure()
    assert not (tmp_path / "mark").exists()
    await storage.close()


def test_the_mark_is_beside_the_data_directory_or_in_it(tmp_path: Path) -> None:
    """Every mark that is found is read; written is the first place that can be, or the one that was set."""
    data = tmp_path / "parent" / "data"
    data.mkdir(parents=True)
    beside, inside = load({"data": str(data)}, {}).settings.high_water_places
    assert (beside, inside) == (tmp_path / "parent" / "data.high-water-mark", data / "high-water-mark")
    marks = [HighWaterMark(name) for name in ("one", "two")]
    assert high_water_file.write([beside, inside], marks[0])
    assert not inside.exists()
    assert high_water_file.write([tmp_path / "no" / "mark", inside], marks[1])
    assert high_water_file.read([beside, inside]) == tuple(marks)
    assert not high_water_file.write([tmp_path / "no" / "mark"], marks[0])
    assert sorted(path.name for path in (tmp_path / "parent").rglob("*mark*")) == [
        "data.high-water-mark",
        "high-water-mark",
    ]
    assert load({"high_water_file": "elsewhere"}, {}).settings.high_water_places == (Path("elsewhere"),)
