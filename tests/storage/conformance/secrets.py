"""How secrets are used, and the answers that are kept for retries."""

import anyio
from msgspec import structs
from tests.storage.conformance.steps import add_accounts
from tests.storage.records import NOW, a_client, a_secret, an_account

from clientry.storage import (
    SecretUse,
    Storage,
    Transaction,
)


async def test_the_uses_of_secrets_add_up_by_the_hour(storage: Storage) -> None:
    """Each secret has its own last use and sum; what is older than asked for is not counted; a late report changes no last use."""
    root = an_account()
    client = a_client(root)
    secrets = (a_secret(client), a_secret(client))
    await add_accounts(storage, root)

    async def add(transaction: Transaction) -> None:
        await transaction.clients.add(client)
        for secret in secrets:
            await transaction.secrets.add(secret)

    async def used(since: int) -> list[tuple[int | None, str | None, str | None, int]]:
        rows = await storage.read(lambda snapshot: snapshot.secrets.used(client.client_id, since))
        assert [row.kept for row in rows] == sorted(secrets, key=lambda one: one.secret_id)
        return [(row.last_used_at, row.last_used_address, row.last_used_agent, row.uses_last_day) for row in rows]

    def use(index: int, uses: int, at: int, agent: str) -> SecretUse:
        return SecretUse(client.client_id, secrets[index].secret_id, uses, at, "192.0.2.1", agent)

    await storage.write(add)
    hour = NOW // 3600
    assert await used(hour) == [(None, None, None, 0)] * 2
    for uses in (
        [use(0, 3, NOW, "a"), use(1, 10, NOW - 7200, "z")],
        [use(0, 4, NOW + 1, "b")],
        [use(0, 5, NOW - 7200, "c")],
        [SecretUse(client.client_id, "secret_gone", 1, NOW, "", "")],
    ):
        await storage.write(lambda transaction, uses=uses: transaction.secrets.note_uses(uses))
    assert await used(hour) == [(NOW + 1, "192.0.2.1", "b", 7), (NOW - 7200, "192.0.2.1", "z", 0)]
    assert [row[3] for row in await used(hour - 2)] == [12, 10]
    assert await storage.write(lambda transaction: transaction.secrets.forget_uses(hour, 1)) == 1
    assert await storage.write(lambda transaction: transaction.secrets.forget_uses(hour, 9)) == 1
    assert await storage.write(lambda transaction: transaction.secrets.forget_uses(hour, 9)) == 0
    assert [row[3] for row in await used(hour - 2)] == [7, 0]


async def test_silent_secrets_are_found_client_by_client(storage: Storage) -> None:
    """A client is found once a live secret was silent for as long as it may be, from its last use or the newer one's birth on."""
    root = an_account()
    clients = [a_client(root) for _ in range(8)]
    olds = [structs.replace(a_secret(client), silence=3600) for client in clients]
    news = [a_secret(client, date_created=NOW + 100) for client in clients]
    used, never, unused, patient, free, ended, over, gone = clients
    replaced = structs.replace(olds[3], silence=7200, expires_at=NOW + 999_999, grace=5)
    olds[4] = structs.replace(olds[4], silence=None)
    olds[5] = structs.replace(olds[5], expires_at=NOW + 200)
    news[6] = structs.replace(news[6], expires_at=NOW + 200)
    await add_accounts(storage, root)

    async def add(transaction: Transaction) -> None:
        for client, old, new in zip(clients, olds, news, strict=True):
            await transaction.clients.add(client)
            await transaction.secrets.add(old)
            await transaction.secrets.add(new)
            if client is not unused:
                await transaction.secrets.note_uses([SecretUse(client.client_id, new.secret_id, 1, NOW + 150, "", "")])
        await transaction.secrets.note_uses([SecretUse(used.client_id, olds[0].secret_id, 1, NOW + 1000, "", "")])
        await transaction.secrets.replace(replaced)
        await transaction.clients.delete(gone, NOW + 300)

    async def silent(now: int, after: str = "", limit: int = 9) -> tuple[str, ...]:
        return await storage.read(lambda snapshot: snapshot.secrets.silent(now, after, limit))

    await storage.write(add)
    assert await silent(NOW + 3699) == ()
    assert await silent(NOW + 3700) == (never.client_id,)
    assert await silent(NOW + 4600) == tuple(sorted((used.client_id, never.client_id)))
    everyone = tuple(sorted((used.client_id, never.client_id, patient.client_id)))
    assert await silent(NOW + 99_999) == everyone
    assert await silent(NOW + 99_999, everyone[0], 1) == everyone[1:2]
    assert not {free.client_id, ended.client_id, over.client_id} & set(everyone)
    assert replaced in await storage.read(lambda snapshot: snapshot.secrets.of(patient.client_id))


async def test_an_answer_is_kept_under_its_digest_until_it_expires(storage: Storage) -> None:
    """It is claimed once, found until its last second, then free again, and purged."""
    digest = bytes(range(32))
    claims: list[bool] = []

    async def body(transaction: Transaction, now: int) -> None:
        claims.append(await transaction.answers.claim(digest, now, now + 10))
        if claims[-1]:
            await transaction.answers.fill(digest, b"answer %d" % now)

    async def kept(now: int) -> bytes | None:
        found = await storage.read(lambda snapshot: snapshot.answers.get(digest, now))
        assert await storage.write(lambda transaction: transaction.answers.confirm(digest, now)) == found
        return found

    for now in (NOW, NOW + 9, NOW + 10):
        await storage.write(lambda transaction, now=now: body(transaction, now))
    assert claims == [True, False, True]
    assert [await kept(now) for now in (NOW + 19, NOW + 20)] == [b"answer %d" % (NOW + 10), None]
    purged = [await storage.write(lambda t, now=now: t.answers.purge(now, 5)) for now in (NOW + 19, NOW + 20)]
    assert purged == [0, 1]


async def test_a_digest_is_claimed_by_one_of_those_that_meet(storage: Storage) -> None:
    """Of ten transactions at once one claims it; the others wait for it, and then see what it has kept."""
    digest = bytes(32)

    async def body(transaction: Transaction) -> bytes | None:
        if await transaction.answers.claim(digest, NOW, NOW + 10):
            await transaction.answers.fill(digest, b"answer")
            return None
        return await transaction.answers.get(digest, NOW)

    found: list[bytes | None] = []

    async def one() -> None:
        found.append(await storage.write(body))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(one)
    assert found.count(None) == 1
    assert found.count(b"answer") == 9
