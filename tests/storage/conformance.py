"""What every storage engine must do. An engine's own test file imports these tests and gives a `storage` fixture."""

import itertools
import random
from collections.abc import Awaitable, Callable

import anyio
import pytest
from msgspec import structs
from tests.storage.records import NOW, a_change, a_client, a_secret, a_signing_key, an_account

from clientry.account import MAX_DEPTH, Account, AccountStatus
from clientry.audit_event import AuditEvent, follows
from clientry.client import Client, ClientType
from clientry.errors import Conflict
from clientry.storage import (
    AccountFilter,
    AlreadyTaken,
    ClientFilter,
    ClientStatus,
    LostUpdate,
    Position,
    SecretUse,
    Slice,
    Snapshot,
    Start,
    Storage,
    Transaction,
)

pytestmark = pytest.mark.anyio

EVERYTHING = ClientFilter(None, status=ClientStatus.ANY)


async def add_accounts(storage: Storage, *accounts: Account) -> None:
    async def body(transaction: Transaction) -> None:
        for account in accounts:
            await transaction.accounts.add(account)

    await storage.write(body)


async def add_clients(storage: Storage, *clients: Client) -> None:
    async def body(transaction: Transaction) -> None:
        for client in clients:
            await transaction.clients.add(client)
            await transaction.secrets.add(a_secret(client))

    await storage.write(body)


async def replace(storage: Storage, old: Client, **fields: object) -> Client:
    new = structs.replace(old, version=old.version + 1, **fields)
    await storage.write(lambda transaction: transaction.clients.replace(old, new))
    return new


async def delete(storage: Storage, client: Client) -> None:
    await storage.write(lambda transaction: transaction.clients.delete(client, NOW))


async def count(storage: Storage, wanted: ClientFilter) -> int:
    return await storage.read(lambda snapshot: snapshot.clients.count(wanted))


async def page(storage: Storage, wanted: ClientFilter, start: Start, limit: int) -> Slice[Client]:
    return await storage.read(lambda snapshot: snapshot.clients.slice(wanted, start, limit))


async def listed(storage: Storage, wanted: ClientFilter) -> list[str]:
    return [client.client_id for client in (await page(storage, wanted, Start(), 10_000)).items]


def position(client: Client) -> Position:
    return Position(client.date_created, client.client_id)


async def refused(change: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(Conflict):
        await change()


# Records


@pytest.mark.parametrize("locked", [None, True, False])
@pytest.mark.parametrize("kind", list(ClientType))
async def test_a_client_comes_back_as_it_was(storage: Storage, locked: bool | None, kind: ClientType) -> None:
    """Every field of a client survives storing, with texts beyond ASCII, and its secrets come with it."""
    root = an_account()
    client = a_client(
        root,
        name="Ünïcode 🦆 'quote' \"double\" %_\\",
        client_owner="Ada@Example.com",
        client_type=kind,
        locked=locked,
        enabled=False,
        products=("SuperSIM", "B"),
        resources=("clients:read",),
        token_lifetime=63_072_000,
        tokens_valid_from=2**33,
        version=1,
        expires_at=2**33 + 1,
        labels=(("a", "x:y"), ("b", "🦆 'quote'")),
    )
    secrets = (a_secret(client), a_secret(client, expires_at=NOW + 1, verifier=bytes(range(33))))

    async def body(transaction: Transaction) -> None:
        await transaction.accounts.add(root)
        await transaction.clients.add(client)
        for secret in secrets:
            await transaction.secrets.add(secret)
        assert await transaction.clients.get(client.client_id) == client

    await storage.write(body)
    assert await storage.client(client.client_id) == client
    found = await storage.credentials(client.client_id)
    assert found is not None
    assert found.client == client
    assert sorted(found.secrets, key=lambda secret: secret.secret_id) == sorted(
        secrets, key=lambda secret: secret.secret_id
    )


async def test_a_client_without_secrets_has_none(storage: Storage) -> None:
    """It is found all the same, with what it is."""
    root = an_account()
    client = a_client(root, enabled=False, labels=(("env", "prod"),))
    await add_accounts(storage, root)
    await storage.write(lambda transaction: transaction.clients.add(client))
    found = await storage.credentials(client.client_id)
    assert found is not None
    assert (found.client, found.secrets) == (client, ())


async def test_what_is_not_there_is_none(storage: Storage) -> None:
    """Unknown ids are None, lists of an empty database are empty, counts are zero."""
    assert await storage.client("apiclient_x") is None
    assert await storage.credentials("apiclient_x") is None
    assert await count(storage, ClientFilter(None)) == 0
    assert await page(storage, ClientFilter(None), Start(), 5) == Slice((), more=False)

    async def body(snapshot: Snapshot) -> None:
        assert await snapshot.accounts.root() is None
        assert await snapshot.accounts.get("acct_x") is None
        assert await snapshot.accounts.count(AccountFilter(None)) == 0
        assert await snapshot.signing_keys.all() == ()
        assert (await snapshot.audit_events.slice("acct_x", 0, 5)).items == ()
        assert (await snapshot.audit_events.accounts("", 5)).items == ()

    await storage.read(body)


async def test_accounts_and_signing_keys_come_back_as_they_were(storage: Storage) -> None:
    """Accounts with their paths, and signing keys oldest first, survive storing."""
    root = an_account()
    child = an_account(root)
    keys = [a_signing_key("b", 2), a_signing_key("a", 1)]
    await add_accounts(storage, root, child)

    async def add_keys(transaction: Transaction) -> None:
        for key in keys:
            await transaction.signing_keys.add(key)

    await storage.write(add_keys)

    async def body(snapshot: Snapshot) -> None:
        assert await snapshot.accounts.root() == root
        assert await snapshot.accounts.get(child.account_id) == child
        assert await snapshot.signing_keys.all() == (keys[1], keys[0])

    await storage.read(body)


async def test_a_changed_client_is_seen_at_once(storage: Storage) -> None:
    """After `replace` has answered, every read sees the new state, and another replacing of the old one changes nothing."""
    root = an_account()
    client = a_client(root)
    await add_accounts(storage, root)
    await add_clients(storage, client)
    new = await replace(storage, client, name="Other", locked=True, enabled=False, tokens_valid_from=NOW)
    found = await storage.credentials(client.client_id)
    assert found is not None
    assert found.client == new
    assert await storage.client(client.client_id) == new
    with pytest.raises(LostUpdate):
        await replace(storage, client, name="Stale")
    assert await storage.client(client.client_id) == new


async def test_y01_a_deleted_client_is_nowhere_and_its_id_stays_taken(storage: Storage) -> None:
    """A deleted client is in no read, list or count; its id cannot be used again."""
    root = an_account()
    client, other = a_client(root), a_client(root)
    await add_accounts(storage, root)
    await add_clients(storage, client, other)
    await delete(storage, client)
    assert await storage.client(client.client_id) is None
    assert await storage.credentials(client.client_id) is None
    assert await listed(storage, EVERYTHING) == [other.client_id]
    assert await count(storage, EVERYTHING) == 1
    with pytest.raises(AlreadyTaken):
        await add_clients(storage, client)
    assert await storage.client(client.client_id) is None


async def test_a_deleted_client_is_restored_or_purged(storage: Storage) -> None:
    """Until it is purged it comes back whole, once; then nothing is left of it but its id."""
    root = an_account()
    client, other = a_client(root, labels=(("env", "prod"),)), a_client(root)
    await add_accounts(storage, root)
    await add_clients(storage, client, other)

    async def deleted(since: int) -> Client | None:
        return await storage.read(lambda snapshot: snapshot.clients.deleted(client.client_id, since))

    async def purge(deleted_by: int) -> int:
        return await storage.write(lambda transaction: transaction.clients.purge(NOW + 99, deleted_by, 5))

    assert await deleted(0) is None
    await delete(storage, client)
    assert await deleted(NOW) is None
    assert await deleted(NOW - 1) == client
    back = structs.replace(client, version=2, tokens_valid_from=NOW + 5)
    await storage.write(lambda transaction: transaction.clients.restore(client, back))
    found = await storage.credentials(client.client_id)
    assert found is not None
    assert (found.client, len(found.secrets)) == (back, 1)
    assert await count(storage, EVERYTHING) == 2
    assert set(await listed(storage, EVERYTHING)) == {client.client_id, other.client_id}
    with pytest.raises(LostUpdate):
        await storage.write(lambda transaction: transaction.clients.restore(back, structs.replace(back, version=3)))
    await delete(storage, back)
    assert await purge(NOW - 1) == 0
    assert await purge(NOW) == 1
    assert await purge(NOW) == 0
    assert await deleted(0) is None
    assert await storage.read(lambda snapshot: snapshot.secrets.of(client.client_id)) == ()
    with pytest.raises(LostUpdate):
        await storage.write(lambda transaction: transaction.clients.restore(back, structs.replace(back, version=3)))
    with pytest.raises(AlreadyTaken):
        await add_clients(storage, client)


async def test_clients_whose_end_has_come_are_found(storage: Storage) -> None:
    """Enabled ones that are not deleted, the earliest first."""
    root = an_account()
    ends = (NOW + 3, NOW + 1, NOW + 2, NOW + 9, None)
    clients = [a_client(root, expires_at=end) for end in ends]
    disabled, gone = a_client(root, expires_at=NOW, enabled=False), a_client(root, expires_at=NOW)
    await add_accounts(storage, root)
    await add_clients(storage, *clients, disabled, gone)
    await delete(storage, gone)

    async def expired(now: int, limit: int = 9) -> tuple[str, ...]:
        return await storage.read(lambda snapshot: snapshot.clients.expired(now, limit))

    assert await expired(NOW) == ()
    assert await expired(NOW + 3) == tuple(clients[index].client_id for index in (1, 2, 0))
    assert await expired(NOW + 3, 2) == tuple(clients[index].client_id for index in (1, 2))


# Lists


def matches(client: Client, wanted: ClientFilter) -> bool:
    """Tell what a filter lets through; the model that the engines are compared with."""
    states = {ClientStatus.ACTIVE: [True], ClientStatus.DISABLED: [False], ClientStatus.ANY: [True, False]}
    return (
        (wanted.within is None or wanted.within in client.account_path)
        and wanted.account_id in (None, client.account_id)
        and wanted.client_type in (None, client.client_type)
        and client.enabled in states[wanted.status]
        and (wanted.name is None or wanted.name.casefold() in client.name.casefold())
        and (wanted.client_owner is None or wanted.client_owner.casefold() == client.client_owner.casefold())
        and set(wanted.labels) <= set(client.labels)
    )


async def test_lists_and_counts_are_those_of_a_model(storage: Storage) -> None:
    """For 300 random filters and pages over a changing tree, rows, order, `more`, counts and steps back are a model's."""
    dice = random.Random(7)  # noqa: S311 - a test wants the same numbers each time
    root = an_account()
    tree = [root]
    for _ in range(6):
        tree.append(an_account(dice.choice([account for account in tree if len(account.path) < 8])))
    await add_accounts(storage, *tree)
    model: dict[str, Client] = {}
    for step in range(120):
        if model and dice.random() < 0.3:
            client = dice.choice(list(model.values()))
            if dice.random() < 0.4:
                await delete(storage, client)
                del model[client.client_id]
            else:
                model[client.client_id] = await replace(storage, client, enabled=not client.enabled, name=f"New {step}")
        else:
            client = a_client(
                dice.choice(tree),
                name=dice.choice(["Straße", "STRASSE", "ACME 50%", "acme_1", "x"]),
                client_owner=dice.choice(["a@example.com", "A@EXAMPLE.com", "b@example.com"]),
                client_type=dice.choice(list(ClientType)),
                enabled=dice.random() < 0.7,
                date_created=NOW + dice.randrange(5),
                labels=dice.choice(
                    [(), (("env", "prod"),), (("env", "prod"), ("team", "a")), (("env", "production"),)]
                ),
            )
            model[client.client_id] = client
            await add_clients(storage, client)
    for _ in range(300):
        wanted = ClientFilter(
            within=dice.choice([None, *(account.account_id for account in tree)]),
            account_id=dice.choice([None, None, dice.choice(tree).account_id, "acct_unknown"]),
            client_type=dice.choice([None, *ClientType]),
            status=dice.choice(list(ClientStatus)),
            name=dice.choice([None, None, "ACME", "strasse", "%", "_", "ß"]),
            client_owner=dice.choice([None, None, "A@example.COM"]),
            labels=dice.choice([(), (), (("env", "prod"),), (("team", "a"), ("env", "prod"))]),
        )
        await compare(storage, wanted, list(model.values()), dice)


async def compare(storage: Storage, wanted: ClientFilter, model: list[Client], dice: random.Random) -> None:
    """Compare one filter, at a random page, with the model."""
    expected = sorted((c for c in model if matches(c, wanted)), key=position_key, reverse=True)
    assert await count(storage, wanted) == len(expected)
    limit = dice.randrange(1, 8)
    offset = dice.randrange(0, len(expected) + 2)
    found = await page(storage, wanted, Start(offset=offset), limit)
    assert found == Slice(tuple(expected[offset : offset + limit]), more=len(expected) > offset + limit)
    if expected:
        index = dice.randrange(len(expected))
        here = position(expected[index])
        after = await page(storage, wanted, Start(after=here), limit)
        assert after == Slice(tuple(expected[index + 1 : index + 1 + limit]), more=len(expected) > index + 1 + limit)
        at = await page(storage, wanted, Start(at=here), limit)
        assert at.items == tuple(expected[index : index + limit])
        back = await storage.read(lambda snapshot: snapshot.clients.back(wanted, here, limit))
        newer = expected[:index]
        assert back == (position(newer[max(0, len(newer) - limit)]) if newer else None)


def position_key(client: Client) -> tuple[int, str]:
    return client.date_created, client.client_id


async def test_y07_the_largest_offset_is_an_empty_page(storage: Storage) -> None:
    """An offset of page 2147483647 with page size 2147483647 is answered, and empty."""
    root = an_account()
    await add_accounts(storage, root)
    await add_clients(storage, a_client(root))
    start = Start(offset=2_147_483_646 * 2_147_483_647)
    assert await page(storage, ClientFilter(None), start, 2_147_483_647) == Slice((), more=False)


async def test_a_walk_is_stable_while_others_create_and_delete(storage: Storage) -> None:
    """Walking by position, no client that was there all along appears twice or is skipped."""
    root = an_account()
    await add_accounts(storage, root)
    clients = [a_client(root, date_created=NOW + number // 3) for number in range(60)]
    await add_clients(storage, *clients)
    doomed = clients[::7]
    seen: list[str] = []
    start = Start()
    more = True
    while more:
        found = await page(storage, ClientFilter(root.account_id), start, 4)
        seen += [client.client_id for client in found.items]
        start, more = Start(after=position(found.items[-1])), found.more
        await add_clients(storage, a_client(root, date_created=NOW + 100), a_client(root, date_created=NOW + 5))
        if doomed:
            await delete(storage, doomed.pop())
    assert len(seen) == len(set(seen))
    deleted = {client.client_id for client in clients[::7]}
    assert {client.client_id for client in clients} - deleted <= set(seen)


async def test_accounts_are_listed_like_clients(storage: Storage) -> None:
    """The accounts of a tree are listed newest first, counted, and walked in both directions."""
    root = an_account(date_created=NOW)
    left, right = an_account(root, NOW + 1), an_account(root, NOW + 1)
    below = an_account(left, NOW + 2)
    await add_accounts(storage, root, left, right, below)
    older, newer = sorted([left, right], key=lambda account: account.account_id)
    everything = (below, newer, older, root)

    async def body(snapshot: Snapshot) -> None:
        accounts = snapshot.accounts
        assert (await accounts.slice(AccountFilter(None), Start(), 9)).items == everything
        assert (await accounts.slice(AccountFilter(left.account_id), Start(), 9)).items == (below, left)
        assert await accounts.count(AccountFilter(left.account_id)) == 2
        here = Position(root.date_created, root.account_id)
        assert await accounts.back(AccountFilter(None), here, 2) == Position(newer.date_created, newer.account_id)
        assert await accounts.slice(AccountFilter(None), Start(offset=1), 2) == Slice((newer, older), more=True)

    await storage.read(body)


# Transactions


async def test_accounts_are_changed_and_deleted_as_they_were_read(storage: Storage) -> None:
    """Every field of a change is stored, guarded by the version; a deleted account is in no list and no count."""
    root = an_account()
    child = an_account(root, NOW + 1)
    await add_accounts(storage, root, child)
    new = structs.replace(
        child, friendly_name="É", owner_email="É@x", status=AccountStatus.SUSPENDED, cutoff=7, version=2
    )
    await storage.write(lambda transaction: transaction.accounts.replace(child, new))
    assert await storage.account(child.account_id) == structs.replace(new, path_cutoff=7)
    with pytest.raises(LostUpdate):
        await storage.write(lambda transaction: transaction.accounts.replace(child, new))
    with pytest.raises(LostUpdate):
        await storage.write(lambda transaction: transaction.accounts.delete(child, NOW))
    await storage.write(lambda transaction: transaction.accounts.delete(new, NOW))
    assert await storage.account(child.account_id) is None

    async def body(transaction: Transaction) -> None:
        assert await transaction.accounts.hold(child.account_id) is None
        assert await transaction.accounts.claim(child.account_id) is None
        assert await transaction.accounts.claim(root.account_id) == root
        assert (await transaction.accounts.slice(AccountFilter(None), Start(), 9)).items == (root,)
        assert await transaction.accounts.count(AccountFilter(None)) == 1

    await storage.write(body)


async def test_accounts_that_are_filtered_are_those_of_a_model(storage: Storage) -> None:
    """Lists, counts and the way back of every combination of filters are what a walk over all accounts finds."""
    root = an_account()
    one, other = an_account(root, NOW + 1), an_account(root, NOW + 2)
    accounts = [root, one, other]
    for number in range(12):
        made = an_account((one, other)[number % 2], NOW + 3 + number // 3)
        name = ("Straße", "STRASSE 2", "x")[number % 3]
        status = (AccountStatus.ACTIVE, AccountStatus.SUSPENDED)[number % 4 == 0]
        accounts.append(structs.replace(made, friendly_name=name, owner_email=f"{number % 3}@X", status=status))
    await add_accounts(storage, *accounts)
    accounts.sort(key=lambda account: (account.date_created, account.account_id), reverse=True)
    for within, parent, status, name, owner in itertools.product(
        (None, one.account_id),
        (None, root.account_id, one.account_id, other.account_id),
        (None, *AccountStatus),
        (None, "strasse"),
        (None, "1@x"),
    ):
        wanted = AccountFilter(within, parent, status, name, owner)
        expected = tuple(
            account
            for account in accounts
            if (within is None or within in account.path)
            and (parent is None or (account.parent_id == parent and within in (None, parent, root.account_id)))
            and (status is None or account.status is status)
            and (name is None or "STRASSE" in account.friendly_name.replace("ß", "ss").upper())
            and (owner is None or account.owner_email == "1@X")
        )

        async def body(
            snapshot: Snapshot, wanted: AccountFilter = wanted, expected: tuple[Account, ...] = expected
        ) -> None:
            assert await snapshot.accounts.count(wanted) == len(expected)
            assert (await snapshot.accounts.slice(wanted, Start(), 99)).items == expected
            if len(expected) > 1:
                last = Position(expected[-1].date_created, expected[-1].account_id)
                first = await snapshot.accounts.back(wanted, last, 1)
                assert first == Position(expected[-2].date_created, expected[-2].account_id)
                following = await snapshot.accounts.slice(wanted, Start(after=first), 9)
                assert following.items == expected[-1:]

        await storage.read(body)


async def test_the_latest_cutoff_on_the_path_comes_with_a_client(storage: Storage) -> None:
    """At every depth of the tree, and of no account beside it; it is read by every way to a client, and to an account."""
    line = [an_account()]
    while len(line) < MAX_DEPTH:
        line.append(an_account(line[-1]))
    beside = an_account(line[0])
    await add_accounts(storage, *line, beside)
    clients = [a_client(account) for account in (*line, beside)]
    await add_clients(storage, *clients)
    for depth, cutoff in ((7, 5), (3, 9), (0, 7)):
        found = await storage.account(line[depth].account_id)
        assert found is not None
        new = structs.replace(found, cutoff=cutoff, version=2)
        await storage.write(lambda transaction, old=found, new=new: transaction.accounts.replace(old, new))
    for client, expected in zip(clients, (7, 7, 7, 9, 9, 9, 9, 9, 7), strict=True):
        credentials = await storage.credentials(client.client_id)
        assert credentials is not None
        by_id = await storage.client(client.client_id)
        account = await storage.account(client.account_id)
        inside = await storage.read(lambda snapshot, one=client: snapshot.clients.get(one.client_id))
        assert by_id is not None
        assert account is not None
        assert inside is not None
        assert len(credentials.secrets) == 1
        found_cutoffs = (credentials.client.account_cutoff, by_id.cutoff, inside.account_cutoff, account.path_cutoff)
        assert found_cutoffs == (expected,) * 4


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


async def test_a_body_that_raises_leaves_nothing(storage: Storage) -> None:
    """What a body did before it raised is undone: record, list, count and audit event; its exception comes out."""
    root = an_account()
    client = a_client(root)
    await add_accounts(storage, root)

    async def body(transaction: Transaction) -> None:
        await transaction.clients.add(client)
        await transaction.secrets.add(a_secret(client))
        await transaction.audit_events.append(a_change(root))
        raise Conflict("no")

    await refused(lambda: storage.write(body))
    assert await storage.client(client.client_id) is None
    assert await count(storage, EVERYTHING) == 0
    assert await events(storage, root) == []


async def test_f13_waiting_writes_do_not_touch_each_other(storage: Storage) -> None:
    """Of many writes at once, those that raise are undone alone, and all others are there."""
    root = an_account()
    await add_accounts(storage, root)
    clients = [a_client(root) for _ in range(64)]

    async def one(number: int) -> None:
        async def body(transaction: Transaction) -> None:
            await transaction.clients.add(clients[number])
            if number % 3 == 0:
                raise Conflict("no")

        if number % 3 == 0:
            await refused(lambda: storage.write(body))
        else:
            await storage.write(body)

    async with anyio.create_task_group() as group:
        for number in range(64):
            group.start_soon(one, number)
    kept = {client.client_id for number, client in enumerate(clients) if number % 3}
    assert set(await listed(storage, ClientFilter(None))) == kept
    assert await count(storage, ClientFilter(None)) == len(kept)


async def test_no_change_is_lost_under_contention(storage: Storage) -> None:
    """32 tasks that each read a client and lengthen its token lifetime by one, ten times, add up."""
    root = an_account()
    client = a_client(root, token_lifetime=1000)
    await add_accounts(storage, root)
    await add_clients(storage, client)

    async def body(transaction: Transaction) -> None:
        old = await transaction.clients.get(client.client_id)
        assert old is not None
        new = structs.replace(old, token_lifetime=old.token_lifetime + 1, version=old.version + 1)
        await transaction.clients.replace(old, new)

    async def ten() -> None:
        for _ in range(10):
            await storage.write(body)

    async with anyio.create_task_group() as group:
        for _ in range(32):
            group.start_soon(ten)
    found = await storage.client(client.client_id)
    assert found is not None
    assert (found.token_lifetime, found.version) == (1320, 321)


async def events(storage: Storage, account: Account) -> list[AuditEvent]:
    found = await storage.read(lambda snapshot: snapshot.audit_events.slice(account.account_id, 0, 10_000))
    assert not found.more
    return list(found.items)


async def test_the_audit_chain_holds_under_contention(storage: Storage) -> None:
    """Events appended by 40 tasks at once to two accounts make two unbroken chains, and come back as they were."""
    root = an_account()
    child = an_account(root)
    await add_accounts(storage, root, child)
    changes = [a_change(account) for account in (root, child) for _ in range(20)]

    async def append(number: int) -> None:
        await storage.write(lambda transaction: transaction.audit_events.append(changes[number]))

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(append, number)
    for account in (root, child):
        chain = await events(storage, account)
        assert len(chain) == 20
        assert all(follows(event, before) for event, before in zip(chain, [None, *chain[:-1]], strict=True))
        wanted = {change.event_id: change for change in changes if change.account_id == account.account_id}
        assert {event.change.event_id: event.change for event in chain} == wanted
        forged = structs.replace(chain[5], change=structs.replace(chain[5].change, actor="somebody else"))
        assert not follows(forged, chain[4])
        assert not follows(chain[6], chain[4])


async def test_a_snapshot_does_not_move(storage: Storage) -> None:
    """A read sees one state: list and count agree, however many writes go on meanwhile."""
    root = an_account()
    await add_accounts(storage, root)

    async def write() -> None:
        for _ in range(30):
            await add_clients(storage, a_client(root))

    async def body(snapshot: Snapshot) -> tuple[int, int]:
        wanted = ClientFilter(None)
        rows = await snapshot.clients.slice(wanted, Start(), 1000)
        return len(rows.items), await snapshot.clients.count(wanted)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        for _ in range(50):
            rows, counted = await storage.read(body)
            assert rows == counted
    assert await storage.read(body) == (30, 30)


async def test_many_at_once_are_as_one_after_the_other(storage: Storage) -> None:
    """Accounts, clients and secrets that are added in bulk are found, listed and counted like those added singly."""
    root = an_account()
    children = [an_account(root) for _ in range(3)]
    await storage.write(lambda transaction: transaction.accounts.add_all([root, *children]))
    clients = [a_client(children[number % 3], enabled=number % 4 != 0) for number in range(40)]
    secrets = [a_secret(client) for client in clients]

    async def body(transaction: Transaction) -> None:
        await transaction.clients.add_all(clients)
        await transaction.secrets.add_all(secrets)

    await storage.write(body)
    assert await storage.read(lambda snapshot: snapshot.accounts.count(AccountFilter(root.account_id))) == 4
    for account in (root, *children):
        within = [client for client in clients if account.account_id in client.account_path]
        wanted = ClientFilter(account.account_id, status=ClientStatus.ANY)
        assert await count(storage, wanted) == len(within)
        assert sorted(await listed(storage, wanted)) == sorted(client.client_id for client in within)
    assert await count(storage, ClientFilter(None, status=ClientStatus.DISABLED)) == 10
    for client, secret in zip(clients, secrets, strict=True):
        found = await storage.credentials(client.client_id)
        assert found is not None
        assert (found.client, found.secrets) == (client, (secret,))
    with pytest.raises(AlreadyTaken):
        await storage.write(lambda transaction: transaction.clients.add_all([a_client(root), clients[0]]))
    assert await count(storage, EVERYTHING) == 40
