"""Lists and counts of clients, against a model."""

import random

from msgspec import structs
from tests.storage.conformance.steps import add_accounts, add_clients, count, delete, page, position, replace, source
from tests.storage.records import NOW, a_client, an_account

from clientry.records.client import Client, ClientType
from clientry.storage import (
    ClientFilter,
    ClientStatus,
    Slice,
    Start,
    Storage,
)


def matches(client: Client, wanted: ClientFilter) -> bool:
    """Tell what a filter lets through; the model that the engines are compared with."""
    states = {ClientStatus.ACTIVE: [True], ClientStatus.DISABLED: [False]}
    return (
        (wanted.within is None or wanted.within in client.account_path)
        and wanted.account_id in (None, client.account_id)
        and wanted.client_type in (None, client.client_type)
        and client.enabled in states.get(wanted.status, [True, False])
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
    deleted: list[Client] = []
    for step in range(120):
        if model and dice.random() < 0.3:
            client = dice.choice(list(model.values()))
            if dice.random() < 0.4:
                await delete(storage, client)
                deleted.append(structs.replace(client, deleted_at=NOW))
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
            deleted_since=NOW - 1,
        )
        await compare(storage, wanted, deleted if wanted.status is ClientStatus.DELETED else list(model.values()), dice)


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
        back = await storage.read(lambda snapshot: source(snapshot, wanted).back(wanted, here, limit))
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
