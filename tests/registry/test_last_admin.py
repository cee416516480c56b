"""Ruling 20: of the admin clients that can manage an account one always remains, whatever is asked for and however much at once."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable

import pytest
from tests.registry.conftest import OPERATOR, Nodes, calling

from clientry.errors import Conflict
from clientry.opening import Registry
from clientry.records.account import Account, AccountChange, AccountStatus
from clientry.records.caller import ClientCaller
from clientry.records.client import Client, ClientChange
from clientry.records.scope import ACCOUNTS_WRITE
from clientry.registry.secrets import NewSecret

pytestmark = pytest.mark.anyio

ROUNDS = int(os.environ.get("CLIENTRY_RACE_ROUNDS", "36"))
LATE = 3_800_000_000
DISABLING, ENDING = ClientChange(enabled=False), ClientChange(expires_at=LATE)
SUSPENDING = AccountChange(status=AccountStatus.SUSPENDED)

Way = Callable[[Registry, ClientCaller, Client], Awaitable[object]]


async def disable(registry: Registry, caller: ClientCaller, client: Client) -> None:
    await registry.clients.update(caller, client.client_id, DISABLING)


async def end(registry: Registry, caller: ClientCaller, client: Client) -> None:
    await registry.clients.update(caller, client.client_id, ENDING)


async def delete(registry: Registry, caller: ClientCaller, client: Client) -> None:
    await registry.lifecycle.delete(caller, client.client_id)


async def rotate_to_an_end(registry: Registry, caller: ClientCaller, client: Client) -> None:
    await registry.secrets.create(caller, client.client_id, NewSecret(0, expires_at=LATE))


async def end_the_endless_secret(registry: Registry, caller: ClientCaller, client: Client) -> None:
    if len(await registry.secrets.list(OPERATOR, client.client_id)) == 1:
        await registry.secrets.create(OPERATOR, client.client_id, NewSecret(3600))
    secrets = [shown.used.kept for shown in await registry.secrets.list(OPERATOR, client.client_id)]
    (endless,) = (secret for secret in secrets if secret.expires_at is None)
    await registry.secrets.delete(caller, client.client_id, endless.secret_id)


async def contain(registry: Registry, caller: ClientCaller, client: Client) -> None:
    await registry.secrets.contain(caller, client.client_id, new_secret=False)


WAYS: tuple[Way, ...] = (disable, end, delete, rotate_to_an_end, end_the_endless_secret, contain)
"""Each way to keep a client from managing its account."""


async def nobody(nodes: Nodes, account: Account) -> None:
    """Help with nobody else."""


async def a_disabled_one(nodes: Nodes, account: Account) -> None:
    other = await nodes.admin(account.account_id)
    await nodes.registry.clients.update(OPERATOR, other.client_id, DISABLING)


async def one_with_an_end(nodes: Nodes, account: Account) -> None:
    other = await nodes.admin(account.account_id)
    await nodes.registry.clients.update(OPERATOR, other.client_id, ENDING)


async def one_whose_secret_has_an_end(nodes: Nodes, account: Account) -> None:
    other = await nodes.admin(account.account_id)
    await nodes.registry.secrets.create(OPERATOR, other.client_id, NewSecret(0, expires_at=LATE))


async def one_without_clients_write(nodes: Nodes, account: Account) -> None:
    await nodes.admin(account.account_id, (ACCOUNTS_WRITE,))


async def one_beside(nodes: Nodes, account: Account) -> None:
    await nodes.admin((await nodes.account(account.path[-2])).account_id)


async def one_further_down(nodes: Nodes, account: Account) -> None:
    await nodes.admin((await nodes.account(account.account_id)).account_id)


async def one_in_the_account(nodes: Nodes, account: Account) -> None:
    await nodes.admin(account.account_id)


async def one_above(nodes: Nodes, account: Account) -> None:
    await nodes.admin(account.path[-2])


async def one_at_the_root(nodes: Nodes, account: Account) -> None:
    await nodes.admin(nodes.root)


NO_HELP = (
    nobody,
    a_disabled_one,
    one_with_an_end,
    one_whose_secret_has_an_end,
    one_without_clients_write,
    one_beside,
    one_further_down,
)
HELP = (one_in_the_account, one_above, one_at_the_root)


async def actor(nodes: Nodes) -> ClientCaller:
    """Return an admin client of the root that may do everything, and manages nothing for good, because it has an end."""
    client = await nodes.admin()
    await nodes.registry.clients.update(OPERATOR, client.client_id, ENDING)
    await nodes.registry.lifecycle.delete(OPERATOR, nodes.first)
    return calling(await nodes.now(client))


async def account_below(nodes: Nodes) -> Account:
    """Make an account on the third level."""
    return await nodes.account((await nodes.account()).account_id)


async def test_ruling_20_the_last_one_cannot_be_stopped(nodes: Nodes) -> None:
    """In no way, with whoever else there is that cannot manage the account, and it stays as it was; its client can be renamed."""
    caller = await actor(nodes)
    for way, helper in itertools.product(WAYS, NO_HELP):
        account = await account_below(nodes)
        last = await nodes.admin(account.account_id)
        await helper(nodes, account)
        with pytest.raises(Conflict, match="last admin client"):
            await way(nodes.registry, caller, last)
        assert (await nodes.now(last)).enabled
        assert (await nodes.now(last)).expires_at is None
        live = [shown.used.kept for shown in await nodes.registry.secrets.list(OPERATOR, last.client_id)]
        assert any(secret.expires_at is None for secret in live)
        await nodes.registry.clients.update(caller, last.client_id, ClientChange(name="Other"))


async def test_ruling_20_where_another_one_can_manage_the_account_it_can(nodes: Nodes) -> None:
    """In each way, where there is another one in the account or above it."""
    caller = await actor(nodes)
    for helper in HELP:
        for way in WAYS:
            account = await account_below(nodes)
            one = await nodes.admin(account.account_id)
            await helper(nodes, account)
            await way(nodes.registry, caller, one)


async def test_ruling_20_what_managed_nothing_can_be_stopped(nodes: Nodes) -> None:
    """A client that is no manager is stopped though its account has none; and the operator stops the last one, too."""
    caller = await actor(nodes)
    account = await account_below(nodes)
    ending, small = await nodes.admin(account.account_id), await nodes.admin(account.account_id, (ACCOUNTS_WRITE,))
    await nodes.registry.clients.update(OPERATOR, ending.client_id, ENDING)
    for client in (ending, small, await nodes.standard(account.account_id)):
        await nodes.registry.clients.update(caller, client.client_id, DISABLING)
    last = await nodes.admin(account.account_id)
    await nodes.registry.clients.update(OPERATOR, last.client_id, DISABLING)


@pytest.mark.parametrize("depth", [0, 1])
async def test_ruling_20_an_account_is_not_suspended_with_all_who_can_manage_it(nodes: Nodes, depth: int) -> None:
    """Not where only those that would be stopped can manage it, or an account below; with one above, or with none at all, it is."""
    caller = await actor(nodes)
    update = nodes.registry.accounts.update
    for helper in (nobody, one_with_an_end, one_beside, one_above):
        account = await account_below(nodes)
        home = account if depth == 0 else await nodes.account(account.account_id)
        await update(caller, account.account_id, SUSPENDING)
        await update(caller, account.account_id, AccountChange(status=AccountStatus.ACTIVE))
        last = await nodes.admin(home.account_id)
        await helper(nodes, account)
        if helper is one_above:
            await update(caller, account.account_id, SUSPENDING)
            # In a suspended account it manages nothing, and may go.
            await nodes.registry.lifecycle.delete(caller, last.client_id)
            continue
        with pytest.raises(Conflict, match="above"):
            await update(caller, account.account_id, SUSPENDING)
        assert (await nodes.now(last)).suspended is False


async def test_ruling_20_of_two_at_once_one_remains(nodes: Nodes) -> None:
    """Two who are each other's only help are stopped at the same time on two nodes, each in some way: one is, the other is not."""
    caller = await actor(nodes)
    pairs = itertools.islice(itertools.cycle(itertools.product(WAYS, WAYS)), ROUNDS)
    for number, ways in enumerate(pairs):
        account = await nodes.account()
        both = [await nodes.admin(account.account_id) for _ in ways]
        registries = nodes.registries if number % 2 else nodes.registries[::-1]
        results = await asyncio.gather(
            *(way(registry, caller, client) for way, registry, client in zip(ways, registries, both, strict=True)),
            return_exceptions=True,
        )
        (refused,) = (result for result in results if result is not None)
        assert isinstance(refused, Conflict), (ways, results)


async def test_ruling_20_suspending_meets_stopping_above(nodes: Nodes) -> None:
    """The one above is stopped while the account is suspended: whichever comes first, one remains that can manage both."""
    caller = await actor(nodes)
    for number in range(ROUNDS // 3):
        above = await nodes.account()
        account = await nodes.account(above.account_id)
        one, other = await nodes.admin(above.account_id), await nodes.admin(account.account_id)
        first, second = nodes.registries if number % 2 else nodes.registries[::-1]
        results = await asyncio.gather(
            first.accounts.update(caller, account.account_id, SUSPENDING),
            second.clients.update(caller, one.client_id, DISABLING),
            second.clients.update(caller, other.client_id, DISABLING),
            return_exceptions=True,
        )
        assert isinstance(results[1], Conflict), results
        assert (await nodes.now(one)).enabled
