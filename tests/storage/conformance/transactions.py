"""Transactions: whole or not at all, also where they meet."""

import anyio
import pytest
from msgspec import structs
from tests.storage.conformance.steps import EVERYTHING, add_accounts, add_clients, count, listed, refused
from tests.storage.records import a_change, a_client, a_secret, an_account

from clientry.errors import Conflict
from clientry.records.account import Account
from clientry.records.audit_event import AuditEvent, follows
from clientry.storage import (
    AccountFilter,
    AlreadyTaken,
    ClientFilter,
    ClientStatus,
    Snapshot,
    Start,
    Storage,
    Transaction,
)


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
