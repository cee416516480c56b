"""Clients: each comes back as it was, is changed, deleted, restored and purged."""

import pytest
from msgspec import structs
from tests.storage.conformance.steps import EVERYTHING, add_accounts, add_clients, count, delete, listed, page, replace
from tests.storage.records import NOW, a_client, a_secret, an_account

from clientry.records.account import Account
from clientry.records.client import Client, ClientType
from clientry.storage import (
    AccountFilter,
    AlreadyTaken,
    ClientFilter,
    ClientStatus,
    LostUpdate,
    Slice,
    Snapshot,
    Start,
    Storage,
    Transaction,
)


@pytest.mark.parametrize("locked", [None, True, False])
@pytest.mark.parametrize("kind", list(ClientType))
@pytest.mark.parametrize(
    ("salt", "scope_salts"), [("", ()), ("s-_9", ()), ("", (("B", "t"),)), ("s", (("B", "t"), ("clients:read", "u")))]
)
async def test_a_client_comes_back_as_it_was(
    storage: Storage,
    locked: bool | None,
    kind: ClientType,
    salt: str,
    scope_salts: tuple[tuple[str, str], ...],
) -> None:
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
        salt=salt,
        scope_salts=scope_salts,
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


async def test_a_changed_client_is_seen_at_once(storage: Storage) -> None:
    """After `replace` has answered, every read sees the new state, and another replacing of the old one changes nothing."""
    root = an_account()
    client = a_client(root)
    await add_accounts(storage, root)
    await add_clients(storage, client)
    new = await replace(
        storage,
        client,
        name="Other",
        locked=True,
        enabled=False,
        tokens_valid_from=NOW,
        salt="s",
        scope_salts=(("B", "t"),),
    )
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
    back = structs.replace(client, version=2, tokens_valid_from=NOW + 5, salt="s", scope_salts=(("B", "t"),))
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


async def test_deleted_clients_are_listed_while_they_can_be_restored(storage: Storage) -> None:
    """With the second of their deletion, those of the tree alone; not one that was purged, is back, or whose account is gone."""
    root = an_account()
    tenant, other = an_account(root), an_account(root)
    below, emptied = an_account(tenant), an_account(tenant)
    homes = (root, tenant, below, other, emptied, tenant, tenant)
    clients = [a_client(home, date_created=NOW + number) for number, home in enumerate(homes)]
    await add_accounts(storage, root, tenant, other, below, emptied)
    await add_clients(storage, *clients)
    for client in clients[:-1]:
        await delete(storage, client)
    await storage.write(lambda transaction: transaction.accounts.delete(emptied, NOW))
    back = clients[5]
    await storage.write(lambda transaction: transaction.clients.restore(back, structs.replace(back, version=2)))

    async def deleted(within: Account | None, exactly: Account | None = None, since: int = NOW - 1) -> list[Client]:
        tree, one = (None if account is None else account.account_id for account in (within, exactly))
        wanted = ClientFilter(tree, one, status=ClientStatus.DELETED, deleted_since=since)
        found = (await page(storage, wanted, Start(), 99)).items
        assert len(found) == await count(storage, wanted)
        return list(found)

    gone = [structs.replace(client, deleted_at=NOW) for client in clients]
    assert await deleted(None) == [gone[3], gone[2], gone[1], gone[0]]
    assert await deleted(tenant) == [gone[2], gone[1]]
    assert await deleted(tenant, tenant) == [gone[1]]
    assert await deleted(tenant, other) == []
    assert await deleted(None, since=NOW) == []
    await storage.write(lambda transaction: transaction.clients.purge(NOW + 99, NOW, 9))
    assert await deleted(None) == []


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
