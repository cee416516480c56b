"""The database as a whole: one incarnation, one root, and the way back from two."""

import asyncio

import pytest
from msgspec import structs
from tests.storage.conformance.steps import EVERYTHING, add_accounts, add_clients, count, listed
from tests.storage.records import a_change, a_client, an_account

from clientry.records.incarnation import EventPlace, Incarnation
from clientry.storage import AccountFilter, AlreadyTaken, ClientFilter, Snapshot, Storage, Transaction


async def incarnation(storage: Storage) -> Incarnation | None:
    return await storage.read(lambda snapshot: snapshot.incarnations.get())


async def test_of_many_that_begin_the_first_incarnation_one_does(storage: Storage) -> None:
    """Eight at once add one: it stays, and the others are told; with it goes whatever else they did."""
    roots = [an_account() for _ in range(8)]

    async def body(transaction: Transaction, number: int) -> None:
        assert await transaction.incarnations.get() is None or number < 0
        await transaction.incarnations.add(Incarnation(str(number)))
        await transaction.accounts.add(roots[number])

    tries = (storage.write(lambda transaction, number=number: body(transaction, number)) for number in range(8))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    (won,) = [number for number, outcome in enumerate(outcomes) if outcome is None]
    assert all(isinstance(outcome, (AlreadyTaken, AssertionError)) for outcome in outcomes if outcome is not None)
    assert await incarnation(storage) == Incarnation(str(won))
    assert await storage.read(lambda snapshot: snapshot.accounts.roots()) == (roots[won].account_id,)


async def test_an_incarnation_names_an_event_and_is_followed_by_another(storage: Storage) -> None:
    """What is noted is read back, on each engine the same; a new one takes the place of the old one, with its event."""
    await storage.write(lambda transaction: transaction.incarnations.add(Incarnation("one")))
    place = EventPlace("acct_a", 3, b"\xff\0" * 16)
    await storage.write(lambda transaction: transaction.incarnations.note(place))
    assert await incarnation(storage) == Incarnation("one", place)
    await storage.write(lambda transaction: transaction.incarnations.replace(Incarnation("two")))
    assert await incarnation(storage) == Incarnation("two")
    with pytest.raises(AlreadyTaken):
        await storage.write(lambda transaction: transaction.incarnations.add(Incarnation("three")))


async def test_the_last_acknowledged_event_is_known_and_found_at_its_place(storage: Storage) -> None:
    """It is that of the last transaction which had one and was committed; at its place is that very event and no other."""
    root = an_account()
    await add_accounts(storage, root)
    assert storage.latest is None
    event = await storage.write(lambda transaction: transaction.audit_events.append(a_change(root)))
    place = EventPlace(root.account_id, 1, event.hash)
    assert storage.latest == place

    async def in_vain(transaction: Transaction) -> None:
        await transaction.audit_events.append(a_change(root))
        raise AlreadyTaken

    with pytest.raises(AlreadyTaken):
        await storage.write(in_vain)
    await storage.write(lambda transaction: transaction.accounts.replace(root, structs.replace(root, version=2)))
    assert storage.latest == place

    async def found(snapshot: Snapshot) -> list[bool]:
        asked = (place, structs.replace(place, sequence=2), structs.replace(place, hash=bytes(32)))
        return [await snapshot.audit_events.has(one) for one in asked]

    assert await storage.read(found) == [True, False, False]


async def test_two_trees_become_one(storage: Storage) -> None:
    """Accounts and clients of the other root are found below the one that stays: in lists, counts, look-ups and paths."""
    root, other = an_account(), an_account()
    child, grandchild = an_account(root), an_account(other)
    accounts = (root, other, child, grandchild)
    await add_accounts(storage, *accounts)
    clients = [a_client(account) for account in accounts]
    disabled = a_client(grandchild, enabled=False)
    await add_clients(storage, *clients, disabled)
    assert await storage.read(lambda snapshot: snapshot.accounts.depth(other.account_id)) == 2
    assert len(await storage.read(lambda snapshot: snapshot.accounts.roots())) == 2
    await storage.write(lambda transaction: transaction.accounts.adopt(root.account_id, other.account_id))
    assert await storage.read(lambda snapshot: snapshot.accounts.roots()) == (root.account_id,)
    assert await storage.read(lambda snapshot: snapshot.accounts.depth(root.account_id)) == 3
    for within in (root.account_id, None):
        whole = ClientFilter(within)
        assert await count(storage, whole) == 4
        assert sorted(await listed(storage, whole)) == sorted(client.client_id for client in clients)
        assert await storage.read(lambda snapshot, within=within: snapshot.accounts.count(AccountFilter(within))) == 4
    assert await count(storage, ClientFilter(other.account_id)) == 2
    assert await count(storage, EVERYTHING) == 5
    moved = await storage.account(grandchild.account_id)
    assert moved is not None
    assert moved.path == (root.account_id, other.account_id, grandchild.account_id)
    found = await storage.client(disabled.client_id)
    assert found is not None
    assert found.account_path == moved.path
    await storage.write(lambda transaction: transaction.clients.delete(found, 1_900_000_000))
    assert await count(storage, EVERYTHING) == 4
