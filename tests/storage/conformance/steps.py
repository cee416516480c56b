"""Short steps that the tests of every engine are made of."""

from collections.abc import Awaitable, Callable

import pytest
from msgspec import structs
from tests.storage.records import NOW, a_secret

from clientry.errors import Conflict
from clientry.records.account import Account
from clientry.records.client import Client
from clientry.storage import (
    ClientFilter,
    ClientStatus,
    Listable,
    Position,
    Slice,
    Snapshot,
    Start,
    Storage,
    Transaction,
)

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
    return await storage.read(lambda snapshot: source(snapshot, wanted).count(wanted))


async def page(storage: Storage, wanted: ClientFilter, start: Start, limit: int) -> Slice[Client]:
    return await storage.read(lambda snapshot: source(snapshot, wanted).slice(wanted, start, limit))


def source(snapshot: Snapshot, wanted: ClientFilter) -> Listable[ClientFilter, Client]:
    """Return where the clients of a filter are listed."""
    return snapshot.deleted_clients if wanted.status is ClientStatus.DELETED else snapshot.clients


async def listed(storage: Storage, wanted: ClientFilter) -> list[str]:
    return [client.client_id for client in (await page(storage, wanted, Start(), 10_000)).items]


def position(client: Client) -> Position:
    return Position(client.date_created, client.client_id)


async def refused(change: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(Conflict):
        await change()
