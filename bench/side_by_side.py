"""Whether accounts that change at once wait for each other on PostgreSQL: clients made by eight writers, straight in storage."""

import asyncio
import time
from collections.abc import Sequence

from msgspec import Struct
from tests.storage.records import a_change, a_client, a_secret, an_account

from clientry.records.account import Account
from clientry.settings.database_url import parse
from clientry.storage import Storage, Transaction
from clientry.storage.engines import migrate, open_storage

WRITERS = 8
SECONDS = 2.0
ROUNDS = 5


class SideBySide(Struct, frozen=True):
    """Changes per second, medians over the rounds.

    Attributes:
        one_account: by all writers, in one account.
        own_accounts: by all writers, each in an account of its own; all below one.
        undisturbed: by one writer.
        beside_an_open_change: by one writer, while a change of a sibling account is not committed.
    """

    one_account: float
    own_accounts: float
    undisturbed: float
    beside_an_open_change: float


def measure(url: str) -> SideBySide:
    """Measure on an empty database."""
    return asyncio.run(_measure(url))


async def _measure(url: str) -> SideBySide:
    await migrate(parse(url))
    storage = await open_storage(parse(url), WRITERS + 1)
    root = an_account()
    accounts = [an_account(root) for _ in range(WRITERS)]
    await storage.write(lambda transaction: transaction.accounts.add_all([root, *accounts]))
    found: list[list[float]] = [[], [], [], []]
    for _ in range(ROUNDS):
        found[0].append(await _rate(storage, accounts[:1] * WRITERS))
        found[1].append(await _rate(storage, accounts))
        found[2].append(await _rate(storage, accounts[:1]))
        found[3].append(await _beside(storage, accounts[1], accounts[:1]))
    await storage.close()
    return SideBySide(*(sorted(rates)[ROUNDS // 2] for rates in found))


async def _beside(storage: Storage, held: Account, changing: Sequence[Account]) -> float:
    """Return the rate of some accounts while a change of another one is held open."""
    begun, finish = asyncio.Event(), asyncio.Event()

    async def body(transaction: Transaction) -> None:
        await _create(transaction, held)
        begun.set()
        await finish.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(storage.write(body))
        await begun.wait()
        rate = await _rate(storage, changing, SECONDS / 2)  # a transaction may take 1.6 seconds in all
        finish.set()
    return rate


async def _rate(storage: Storage, accounts: Sequence[Account], seconds: float = SECONDS) -> float:
    """Return the clients per second that are made by one writer for each of these accounts."""
    until, made = time.perf_counter() + seconds, 0

    async def write(account: Account) -> None:
        nonlocal made
        while time.perf_counter() < until:
            await storage.write(lambda transaction: _create(transaction, account))
            made += 1

    await asyncio.gather(*map(write, accounts))
    return made / seconds


async def _create(transaction: Transaction, account: Account) -> None:
    """Do what the creation of a client does."""
    client = a_client(account)
    await transaction.accounts.hold(account.account_id)
    await transaction.clients.add(client)
    await transaction.secrets.add(a_secret(client))
    await transaction.audit_events.append(a_change(account))
