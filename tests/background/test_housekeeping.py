"""What each server tidies up by itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.storage.records import NOW, a_client, a_secret, an_account

from clientry.background.housekeeping import BATCH, Housekeeping
from clientry.randomness import SystemRandom
from clientry.records.secret import ClientSecret
from clientry.registry.client_life import ClientLifecycle
from clientry.registry.secret_life import SecretLife
from clientry.storage import SecretUse, Storage, Transaction
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.schema import migrate

pytestmark = pytest.mark.anyio


class Stopped:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = float(NOW)

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    migrate(tmp_path / "clientry.db")
    opened = SqliteStorage(tmp_path / "clientry.db")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Stopped:
    return Stopped()


@pytest.fixture
def housekeeping(storage: Storage, clock: Stopped) -> Housekeeping:
    random = SystemRandom()
    lifecycle = ClientLifecycle(storage, clock, random, restore_window=100_000)
    secrets = SecretLife(storage, clock, random)
    return Housekeeping(storage, clock, lifecycle, secrets)


async def test_expired_answers_are_deleted(storage: Storage, clock: Stopped, housekeeping: Housekeeping) -> None:
    """All of them, however many, and none a second too early."""
    digests = [number.to_bytes(32) for number in range(BATCH + 3)]

    async def keep(transaction: Transaction) -> None:
        for digest in digests:
            assert await transaction.answers.claim(digest, NOW, NOW + 10)

    async def left() -> int:
        return await storage.write(lambda transaction: transaction.answers.purge(NOW + 99, 9999))

    await storage.write(keep)
    clock.time = NOW + 9.9
    await housekeeping.tidy()
    assert await storage.read(lambda snapshot: snapshot.answers.get(digests[0], NOW)) == b""
    clock.time = NOW + 10
    await housekeeping.tidy()
    assert await left() == 0


async def test_a_silent_secret_is_retired_once_the_newer_one_is_in_use(
    storage: Storage, clock: Stopped, housekeeping: Housekeeping
) -> None:
    """Not a second too early, not while nobody uses the newer one, never the newest; an audit event says so."""
    root = an_account()
    client = a_client(root)
    old = a_secret(client, silence=3600, expires_at=NOW + 99_999)
    new = a_secret(client, date_created=NOW + 10, silence=3600)

    async def add(transaction: Transaction) -> None:
        await transaction.accounts.add(root)
        await transaction.clients.add(client)
        for secret in (old, new):
            await transaction.secrets.add(secret)

    async def use(secret: ClientSecret, at: int) -> None:
        uses = [SecretUse(client.client_id, secret.secret_id, 1, at, "", "")]
        await storage.write(lambda transaction: transaction.secrets.note_uses(uses))

    async def kept_at(time: float) -> tuple[ClientSecret, ...]:
        clock.time = time
        await housekeeping.tidy()
        return await storage.read(lambda snapshot: snapshot.secrets.of(client.client_id))

    await storage.write(add)
    assert await kept_at(NOW + 50_000) == (old, new)
    await use(new, NOW + 50_000)
    await use(old, NOW + 50_000)
    assert await kept_at(NOW + 53_599.9) == (old, new)
    assert await kept_at(NOW + 53_600) == (new,)
    assert await kept_at(NOW + 999_999) == (new,)
    events = await storage.read(lambda snapshot: snapshot.audit_events.slice(root.account_id, 0, 9))
    assert [(event.change.operation, event.change.actor) for event in events.items] == [("secret.retire", "clientry")]


async def test_old_sums_of_uses_are_deleted(storage: Storage, clock: Stopped, housekeeping: Housekeeping) -> None:
    """Sums that count for no last 24 hours any more are gone."""
    uses = [SecretUse("apiclient_x", f"secret_{number}", 1, NOW, "", "") for number in range(BATCH + 3)]
    await storage.write(lambda transaction: transaction.secrets.note_uses(uses))
    clock.time = NOW + 86_400 + 3600
    await housekeeping.tidy()
    assert await storage.write(lambda transaction: transaction.secrets.forget_uses(NOW, 9)) == 0


async def test_clients_end_and_what_is_deleted_is_purged(
    storage: Storage, clock: Stopped, housekeeping: Housekeeping
) -> None:
    """A client whose end has come is disabled, locked or not, and that is audited; a deleted one is purged after the window."""
    root = an_account()
    ending, staying = a_client(root, expires_at=NOW + 5, locked=True), a_client(root, expires_at=NOW + 6)

    async def add(transaction: Transaction) -> None:
        await transaction.accounts.add(root)
        for client in (ending, staying):
            await transaction.clients.add(client)

    await storage.write(add)
    clock.time = NOW + 5
    await housekeeping.tidy()
    found = [await storage.client(client.client_id) for client in (ending, staying)]
    assert [client.enabled for client in found if client is not None] == [False, True]
    events = await storage.read(lambda snapshot: snapshot.audit_events.slice(root.account_id, 0, 9))
    assert [event.change.operation for event in events.items] == ["client.expire"]
    await storage.write(lambda transaction: transaction.clients.delete(staying, NOW + 5))
    for seconds, kept in ((99_999, True), (100_000, False)):
        clock.time = NOW + 5 + seconds
        await housekeeping.tidy()
        left = await storage.read(lambda snapshot: snapshot.clients.deleted(staying.client_id, 0))
        assert (left is not None) is kept


async def test_whatever_is_put_away_is_put_away_in_one_round(
    storage: Storage, clock: Stopped, housekeeping: Housekeeping
) -> None:
    """More clients than a batch end, more silent secrets than a batch are retired, more deleted clients than one are purged."""
    root = an_account()
    ending = [a_client(root, expires_at=NOW + 5) for _ in range(BATCH + 3)]
    deleted = [a_client(root) for _ in range(BATCH + 3)]
    rotated = [a_client(root) for _ in range(BATCH + 3)]
    old = [a_secret(client, silence=3600, expires_at=NOW + 200_000) for client in rotated]
    new = [a_secret(client, date_created=NOW + 10) for client in rotated]

    async def add(transaction: Transaction) -> None:
        await transaction.accounts.add(root)
        await transaction.clients.add_all([*ending, *deleted, *rotated])
        await transaction.secrets.add_all([*old, *new])
        await transaction.secrets.note_uses(
            [SecretUse(one.client_id, one.secret_id, 1, NOW + 11, "", "") for one in new]
        )
        for client in deleted:
            await transaction.clients.delete(client, NOW)

    await storage.write(add)
    clock.time = NOW + 100_000
    await housekeeping.tidy()
    assert await storage.read(lambda snapshot: snapshot.clients.expired(NOW + 5, 9)) == ()
    assert await storage.read(lambda snapshot: snapshot.secrets.silent(NOW + 100_000, "", 9)) == ()
    assert {
        await storage.read(lambda snapshot, one=one: snapshot.clients.deleted(one.client_id, 0)) for one in deleted
    } == {None}


async def test_whatever_is_done_without_being_asked_is_exactly_one_audit_event(
    storage: Storage, clock: Stopped, housekeeping: Housekeeping
) -> None:
    """A client that ends, a grace period that begins and a secret that is retired: one event each, every field of it, and once."""
    root = an_account()
    ending, rotated, graced = a_client(root, expires_at=NOW + 5), a_client(root), a_client(root)
    silent, newer = a_secret(rotated, silence=3600, expires_at=NOW + 99_999), a_secret(rotated, date_created=NOW + 1)
    waiting = a_secret(graced, grace=600, expires_at=NOW + 99_999)
    first = a_secret(graced, date_created=NOW + 1)

    async def add(transaction: Transaction) -> None:
        await transaction.accounts.add(root)
        await transaction.clients.add_all([ending, rotated, graced])
        await transaction.secrets.add_all([silent, newer, waiting, first])
        await transaction.secrets.note_uses([SecretUse(rotated.client_id, newer.secret_id, 1, NOW + 2, "", "")])

    await storage.write(add)
    clock.time = NOW + 10_000
    for _ in range(2):
        await housekeeping._secrets.begin_grace(graced.client_id, first.secret_id, NOW + 9_000)
        await housekeeping.tidy()
    events = (await storage.read(lambda snapshot: snapshot.audit_events.slice(root.account_id, 0, 99))).items
    assert sorted((event.change.operation, event.change.target) for event in events) == sorted(
        [
            ("client.expire", ending.client_id),
            ("secret.begin_grace", graced.client_id),
            ("secret.retire", rotated.client_id),
        ]
    )
    for change in (event.change for event in events):
        assert (change.account_id, change.actor, change.at) == (root.account_id, "clientry", NOW + 10_000)
        assert change.before != change.after
        assert change.event_id.startswith("event_")
        assert change.request_id
