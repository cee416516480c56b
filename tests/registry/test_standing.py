"""Whether a caller still stands is asked again inside each change, and before each further part of a long answer.

The caller is the one whose token was good a moment ago: it was stopped between the check of the token and what follows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from msgspec import structs
from tests.registry.conftest import OPERATOR, Nodes, calling

from clientry.errors import Unauthorized
from clientry.records.account import Account, AccountChange, AccountStatus
from clientry.records.caller import ClientCaller
from clientry.records.client import Client, ClientChange
from clientry.records.scope import CLIENTS_READ
from clientry.registry import listing
from clientry.registry.accounts import NewAccount
from clientry.registry.clients import NewClient
from clientry.registry.listing import PageRequest
from clientry.registry.secrets import NewSecret
from clientry.storage import AccountFilter, ClientFilter, ClientStatus, Snapshot, Start, Transaction

pytestmark = pytest.mark.anyio

DELETED = ClientFilter(None, status=ClientStatus.DELETED)
DISABLING = ClientChange(enabled=False)
SUSPENDING, RESUMING = (AccountChange(status=status) for status in (AccountStatus.SUSPENDED, AccountStatus.ACTIVE))

Stop = Callable[[Nodes, Client, Account], Awaitable[object]]


async def disable(nodes: Nodes, client: Client, _account: Account) -> None:
    await nodes.registry.clients.update(OPERATOR, client.client_id, DISABLING)


async def disable_and_enable(nodes: Nodes, client: Client, account: Account) -> None:
    await disable(nodes, client, account)
    await nodes.registry.clients.update(OPERATOR, client.client_id, ClientChange(enabled=True))


async def delete(nodes: Nodes, client: Client, _account: Account) -> None:
    await nodes.registry.lifecycle.delete(OPERATOR, client.client_id)


async def revoke(nodes: Nodes, client: Client, _account: Account) -> None:
    await nodes.registry.clients.revoke_tokens(OPERATOR, client.client_id)


async def contain(nodes: Nodes, client: Client, _account: Account) -> None:
    await nodes.registry.secrets.contain(OPERATOR, client.client_id, new_secret=True)


async def suspend_its_account(nodes: Nodes, client: Client, _account: Account) -> None:
    await nodes.registry.accounts.update(OPERATOR, client.account_id, SUSPENDING)


async def suspend_and_resume_its_account(nodes: Nodes, client: Client, account: Account) -> None:
    await suspend_its_account(nodes, client, account)
    await nodes.registry.accounts.update(OPERATOR, client.account_id, RESUMING)


async def revoke_its_account(nodes: Nodes, client: Client, _account: Account) -> None:
    await nodes.registry.accounts.revoke_tokens(OPERATOR, client.account_id)


async def suspend_what_it_acts_for(nodes: Nodes, _client: Client, account: Account) -> None:
    await nodes.registry.accounts.update(OPERATOR, account.account_id, SUSPENDING)


async def revoke_what_it_acts_for(nodes: Nodes, _client: Client, account: Account) -> None:
    await nodes.registry.accounts.revoke_tokens(OPERATOR, account.account_id)


async def take_a_scope(nodes: Nodes, client: Client, _account: Account) -> None:
    await register_for(nodes, client, (CLIENTS_READ,))


async def register_for(nodes: Nodes, client: Client, resources: tuple[str, ...]) -> None:
    """Change what a client is registered for, which no operation does yet."""

    async def body(transaction: Transaction) -> None:
        now = await transaction.clients.get(client.client_id)
        assert now is not None
        await transaction.clients.replace(now, structs.replace(now, version=now.version + 1, resources=resources))

    await nodes.registry.storage.write(body)


STOPS: tuple[Stop, ...] = (
    disable,
    disable_and_enable,
    delete,
    revoke,
    contain,
    suspend_its_account,
    suspend_and_resume_its_account,
    revoke_its_account,
    suspend_what_it_acts_for,
    revoke_what_it_acts_for,
    take_a_scope,
)

Change = Callable[[ClientCaller, Client, Account], Awaitable[object]]


def changes(nodes: Nodes) -> dict[str, Change]:
    """Return every operation of the registries that takes a caller and changes something, about a client or an account."""
    registry = nodes.registry
    clients, secrets, accounts, lifecycle = registry.clients, registry.secrets, registry.accounts, registry.lifecycle
    return {
        "ClientRegistry.create": lambda c, t, a: clients.create(c, NewClient("New", None, (), a.account_id)),
        "ClientRegistry.update": lambda c, t, a: clients.update(c, t.client_id, ClientChange(name="Other")),
        "ClientRegistry.revoke_tokens": lambda c, t, a: clients.revoke_tokens(c, t.client_id),
        "ClientLifecycle.delete": lambda c, t, a: lifecycle.delete(c, t.client_id),
        "ClientLifecycle.restore": lambda c, t, a: lifecycle.restore(c, t.client_id),
        "SecretRegistry.create": lambda c, t, a: secrets.create(c, t.client_id, NewSecret(0)),
        "SecretRegistry.delete": lambda c, t, a: secrets.delete(c, t.client_id, "secret_" + "0" * 26),
        "SecretRegistry.contain": lambda c, t, a: secrets.contain(c, t.client_id, new_secret=True),
        "AccountRegistry.create": lambda c, t, a: accounts.create(c, NewAccount("New", "a@example.com", a.account_id)),
        "AccountRegistry.update": lambda c, t, a: accounts.update(c, a.account_id, AccountChange(friendly_name="B")),
        "AccountRegistry.revoke_tokens": lambda c, t, a: accounts.revoke_tokens(c, a.account_id),
        "AccountRegistry.delete": lambda c, t, a: accounts.delete(c, a.account_id),
    }


READING = {"get", "list", "list_deleted"}


async def test_every_change_is_in_the_table(nodes: Nodes) -> None:
    """Whatever takes a caller and is no reading stands in the table of changes."""
    registry = nodes.registry
    taking: set[str] = set()
    for one in (registry.clients, registry.lifecycle, registry.secrets, registry.accounts):
        for name, method in vars(type(one)).items():
            if not name.startswith("_") and "caller" in getattr(method, "__annotations__", {}) and name not in READING:
                taking.add(f"{type(one).__name__}.{name}")
    assert set(changes(nodes)) == taking


async def test_ruling_19_a_caller_that_was_stopped_changes_nothing(nodes: Nodes) -> None:
    """Between the check of its token and the change it was stopped, in each way: 401 for every change, and nothing is done."""
    for stop in STOPS:
        caller, admin, account = await stage(nodes)
        target = await nodes.standard(account.account_id)
        await changes(nodes)["ClientRegistry.update"](caller, target, account)
        await stop(nodes, admin, account)
        stopped = await state(nodes)
        for name, change in changes(nodes).items():
            with pytest.raises(Unauthorized):
                await change(caller, target, account)
            assert await state(nodes) == stopped, (stop.__name__, name)


async def stage(nodes: Nodes) -> tuple[ClientCaller, Client, Account]:
    """Make an admin client whose token is for an account below its own, and return it as caller and as client, and the account."""
    home = await nodes.account()
    admin = await nodes.admin(home.account_id)
    account = await nodes.account(home.account_id)
    return (
        calling(await nodes.now(admin), await nodes.registry.accounts.get(OPERATOR, account.account_id)),
        admin,
        account,
    )


async def state(nodes: Nodes) -> Any:
    """Return all that there is, deleted or not."""

    async def body(snapshot: Snapshot) -> Any:
        everything = ClientFilter(None, status=ClientStatus.ANY)
        start = Start()
        clients = (await snapshot.clients.slice(everything, start, 100)).items
        deleted = (await snapshot.deleted_clients.slice(DELETED, start, 100)).items
        secrets = [await snapshot.secrets.of(client.client_id) for client in clients]
        return clients, deleted, secrets, await snapshot.accounts.slice(AccountFilter(None), start, 100)

    return await nodes.registry.storage.read(body)


async def opened(nodes: Nodes, caller: ClientCaller, listed: str) -> AsyncIterator[tuple[object, ...]]:
    """Open a list, and return its parts."""
    registry, page = nodes.registry, PageRequest(100, 1)
    if listed == "clients":
        return (await registry.clients.list(caller, ClientFilter(None), page)).chunks()
    if listed == "deleted":
        return (await registry.lifecycle.list_deleted(caller, DELETED, page)).chunks()
    return (await registry.accounts.list(caller, AccountFilter(None), page)).chunks()


@pytest.mark.parametrize("listed", ["clients", "deleted", "accounts"])
async def test_ruling_21_a_long_list_stops_with_its_caller(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    """After the part during which its caller was stopped, in each way, no further part is read; until then they come."""
    monkeypatch.setattr(listing, "CHUNK", 2)
    for stop in STOPS:
        caller, admin, account = await stage(nodes)
        for _ in range(6):
            if listed == "accounts":
                await nodes.account(account.account_id)
                continue
            client = await nodes.standard(account.account_id)
            if listed == "deleted":
                await nodes.registry.lifecycle.delete(OPERATOR, client.client_id)
        parts = await opened(nodes, caller, listed)
        assert len([*await anext(parts), *await anext(parts)]) == 4
        await stop(nodes, admin, account)
        with pytest.raises(Unauthorized):
            await anext(parts)
