"""Accounts, their lists and their cut-offs; signing keys."""

import itertools

import pytest
from msgspec import structs
from tests.storage.conformance.steps import (
    add_accounts,
    add_clients,
)
from tests.storage.records import NOW, a_client, a_signing_key, an_account

from clientry.records.account import MAX_DEPTH, Account, AccountStatus
from clientry.storage import (
    AccountFilter,
    LostUpdate,
    Position,
    Slice,
    Snapshot,
    Start,
    Storage,
    Transaction,
)


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


async def test_accounts_are_changed_and_deleted_as_they_were_read(storage: Storage) -> None:
    """Every field of a change is stored, guarded by the version; a deleted account is in no list and no count."""
    root = an_account()
    child = an_account(root, NOW + 1)
    await add_accounts(storage, root, child)
    new = structs.replace(
        child, friendly_name="É", owner_email="É@x", status=AccountStatus.SUSPENDED, cutoff=7, version=2, salt="salt-_9"
    )
    await storage.write(lambda transaction: transaction.accounts.replace(child, new))
    read = structs.replace(new, path_cutoff=7, path_salts=("", "salt-_9"))
    assert await storage.account(child.account_id) == read
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


async def test_how_the_accounts_on_the_path_were_stopped_comes_with_a_client(storage: Storage) -> None:
    """At every depth of the tree, and of no account beside it; it is read by every way to a client, and to an account."""
    line = [an_account()]
    while len(line) < MAX_DEPTH:
        line.append(an_account(line[-1]))
    beside = an_account(line[0])
    await add_accounts(storage, *line, beside)
    clients = [a_client(account) for account in (*line, beside)]
    await add_clients(storage, *clients)
    for depth, cutoff, salt in ((7, 5, "h"), (3, 9, ""), (0, 7, "a")):
        found = await storage.account(line[depth].account_id)
        assert found is not None
        new = structs.replace(found, cutoff=cutoff, salt=salt, version=2)
        await storage.write(lambda transaction, old=found, new=new: transaction.accounts.replace(old, new))
    for client, expected in zip(clients, (7, 7, 7, 9, 9, 9, 9, 9, 7), strict=True):
        salts = ("a", *[""] * (len(client.account_path) - 2), "h" if len(client.account_path) == MAX_DEPTH else "")
        salts = salts[: len(client.account_path)]
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
        kept = await storage.write(
            lambda transaction, one=client: transaction.clients.keep(one.client_id, one.account_path)
        )
        assert kept == by_id == inside == credentials.client
        assert by_id.account_salts == account.path_salts == salts
