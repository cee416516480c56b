"""Many clients at once, for whoever measures: real records with real secrets, in large transactions instead of one each."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from msgspec import Struct

from clientry.errors import ConfigurationError
from clientry.opening import Registry, open_registry
from clientry.records.account import Account, AccountStatus
from clientry.records.audit_event import difference
from clientry.records.caller import Operator
from clientry.records.client import DEFAULT_TOKEN_LIFETIME, Client, ClientType
from clientry.records.identifier import ACCOUNT_PREFIX, CLIENT_PREFIX, new_id
from clientry.registry.drawn_secret import DrawnSecret, draw_secret
from clientry.registry.operation import Deed, audited, draw_occasion
from clientry.settings import Settings
from clientry.storage import Snapshot, Transaction
from clientry.storage.engines import analyze

BATCH = 2_000
"""Clients, or accounts, in a transaction."""


class Planting(Struct, frozen=True):
    """What is to be made below a new account.

    Attributes:
        clients: how many clients.
        accounts: over how many accounts they are spread; 0: all are in the new account.
        depth: over how many levels below the new account the accounts are spread, each with about as many below it as any other.
        credentials: where to write ids and secrets, None: nowhere.
    """

    clients: int
    accounts: int = 0
    depth: int = 1
    credentials: Path | None = None

    @property
    def branches(self) -> int:
        """How many accounts are right below an account: as few as the depth allows."""
        branches = 1
        while sum(branches**level for level in range(1, self.depth + 1)) < self.accounts:
            branches += 1
        return branches


async def plant(settings: Settings, planting: Planting, on_progress: Callable[[int], None]) -> str:
    """Make a new account below the root, accounts below it, and clients in them; return the new account's id.

    Args:
        settings: where the database is.
        planting: what to make.
        on_progress: is told how many more there are.

    Raises:
        ConfigurationError: there is no database, or the file is there already.
    """
    async with open_registry(settings) as registry:
        with ExitStack() as files:
            written = files.enter_context(_private(planting.credentials)) if planting.credentials else None
            seeder = _Seeder(registry, written)
            top = await seeder.add_top(planting)
            tree = [top]
            for size in _batches(planting.accounts):
                await seeder.add_accounts(tree, planting.branches, size)
                on_progress(size)
            owners = tree[1:] or tree
            done = 0
            for size in _batches(planting.clients):
                await seeder.add_clients([owners[(done + number) % len(owners)] for number in range(size)], done)
                done += size
                on_progress(size)
        await analyze(settings.database_url)
        return top.account_id


class _Seeder:
    def __init__(self, registry: Registry, credentials: IO[str] | None) -> None:
        self._registry = registry
        self._credentials = credentials
        self._caller = Operator(request_id=registry.random.bytes(16).hex())
        self._now = int(registry.clock.now())

    async def add_top(self, planting: Planting) -> Account:
        root = await self._registry.storage.read(_root)
        if root is None:
            raise ConfigurationError("The database is empty. Make the first account with: clientry init")
        top = self._account(root, f"Seed of {planting.clients} clients in {planting.accounts or 1} accounts")
        occasion = draw_occasion(self._registry.clock, self._registry.random)
        deed = Deed("dev.seed", top.account_id, top.account_id, *difference(None, top))

        async def body(transaction: Transaction) -> None:
            await transaction.accounts.add(top)
            await transaction.audit_events.append(audited(self._caller, deed, occasion))

        await self._registry.storage.write(body)
        return top

    async def add_accounts(self, tree: list[Account], branches: int, count: int) -> None:
        """Add accounts to a tree that is filled level by level, each account with so many below it."""
        known = len(tree)
        for number in range(known, known + count):
            tree.append(self._account(tree[(number - 1) // branches], f"Account {number}"))
        made = tree[known:]
        await self._registry.storage.write(lambda transaction: transaction.accounts.add_all(made))

    async def add_clients(self, owners: list[Account], first: int) -> None:
        clients = [self._client(owner, first + number) for number, owner in enumerate(owners)]
        drawn = [self._secret(client) for client in clients]

        async def body(transaction: Transaction) -> None:
            await transaction.clients.add_all(clients)
            pepper = self._registry.keys.pepper
            await transaction.secrets.add_all([await one.sealed(transaction, pepper) for one in drawn])

        await self._registry.storage.write(body)
        if self._credentials is not None:
            self._credentials.writelines(f"{one.kept.client_id} {one.client_secret}\n" for one in drawn)

    def _account(self, parent: Account, name: str) -> Account:
        account_id = new_id(ACCOUNT_PREFIX, self._registry.clock, self._registry.random)
        path = (*parent.path, account_id)
        return Account(account_id, path, name, "seed@example.com", AccountStatus.ACTIVE, self._now)

    def _client(self, account: Account, number: int) -> Client:
        return Client(
            client_id=new_id(CLIENT_PREFIX, self._registry.clock, self._registry.random),
            account_id=account.account_id,
            account_path=account.path,
            name=f"Seed {number}",
            client_owner=account.owner_email,
            client_type=ClientType.STANDARD,
            locked=None,
            enabled=True,
            products=self._registry.catalogue.names,
            resources=(),
            token_lifetime=DEFAULT_TOKEN_LIFETIME,
            date_created=self._now,
        )

    def _secret(self, client: Client) -> DrawnSecret:
        registry = self._registry
        prefix = registry.settings.secret_prefix
        return draw_secret(client.client_id, prefix, self._now, registry.clock, registry.random)


async def _root(snapshot: Snapshot) -> Account | None:
    return await snapshot.accounts.root()


def _batches(total: int) -> Iterator[int]:
    for begun in range(0, total, BATCH):
        yield min(BATCH, total - begun)


def _private(path: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be written: {problem.strerror}.") from None
