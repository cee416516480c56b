"""Many clients at once, for whoever measures: real records with real secrets, in large transactions instead of one each."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from clientry import secret
from clientry.account import Account, AccountStatus
from clientry.audit_event import difference
from clientry.caller import operator
from clientry.client import DEFAULT_TOKEN_LIFETIME, Client, ClientType
from clientry.config import Settings
from clientry.errors import ConfigurationError
from clientry.identifier import ACCOUNT_PREFIX, CLIENT_PREFIX, SECRET_PREFIX, new_id
from clientry.operation import Deed, audited, draw_occasion
from clientry.secret import ClientSecret
from clientry.server import Registry, open_registry
from clientry.storage import Snapshot, Transaction
from clientry.storage.engines import analyze

BATCH = 2_000
"""Clients, or accounts, in a transaction."""


async def plant(
    settings: Settings, clients: int, accounts: int, credentials: Path | None, on_progress: Callable[[int], None]
) -> str:
    """Make a new account below the root, child accounts of it, and clients in them; return the new account's id.

    Args:
        settings: where the database is.
        clients: how many clients.
        accounts: over how many child accounts they are spread; 0: all are in the new account.
        credentials: where to write ids and secrets, None: nowhere.
        on_progress: is told how many more there are.

    Raises:
        ConfigurationError: there is no database, or the file is there already.
    """
    async with open_registry(settings) as registry:
        with ExitStack() as files:
            written = files.enter_context(_private(credentials)) if credentials else None
            seeder = _Seeder(registry, written)
            top = await seeder.add_top(clients, accounts)
            children: list[Account] = []
            for size in _batches(accounts):
                children += await seeder.add_accounts(top, size)
                on_progress(size)
            owners = children or [top]
            done = 0
            for size in _batches(clients):
                await seeder.add_clients([owners[(done + number) % len(owners)] for number in range(size)], done)
                done += size
                on_progress(size)
        await analyze(settings.database_url)
        return top.account_id


class _Seeder:
    def __init__(self, registry: Registry, credentials: IO[str] | None) -> None:
        self._registry = registry
        self._credentials = credentials
        self._caller = operator(registry.random.bytes(16).hex())
        self._now = int(registry.clock.now())

    async def add_top(self, clients: int, accounts: int) -> Account:
        root = await self._registry.storage.read(_root)
        if root is None:
            raise ConfigurationError("The database is empty. Make the first account with: clientry init")
        top = self._account(root, f"Seed of {clients} clients in {accounts or 1} accounts")
        occasion = draw_occasion(self._registry.clock, self._registry.random)
        deed = Deed("dev.seed", top.account_id, top.account_id, *difference(None, top))

        async def body(transaction: Transaction) -> None:
            await transaction.accounts.add(top)
            await transaction.audit_events.append(audited(self._caller, deed, occasion))

        await self._registry.storage.write(body)
        return top

    async def add_accounts(self, parent: Account, count: int) -> list[Account]:
        made = [self._account(parent, f"Child {number}") for number in range(count)]
        await self._registry.storage.write(lambda transaction: transaction.accounts.add_all(made))
        return made

    async def add_clients(self, owners: list[Account], first: int) -> None:
        clients = [self._client(owner, first + number) for number, owner in enumerate(owners)]
        texts = [secret.generate(self._registry.random, self._registry.settings.secret_prefix) for _ in clients]
        kept = [self._secret(client, text) for client, text in zip(clients, texts, strict=True)]

        async def body(transaction: Transaction) -> None:
            await transaction.clients.add_all(clients)
            await transaction.secrets.add_all(kept)

        await self._registry.storage.write(body)
        if self._credentials is not None:
            pairs = zip(clients, texts, strict=True)
            self._credentials.writelines(f"{client.client_id} {text}\n" for client, text in pairs)

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

    def _secret(self, client: Client, text: str) -> ClientSecret:
        return ClientSecret(
            secret_id=new_id(SECRET_PREFIX, self._registry.clock, self._registry.random),
            client_id=client.client_id,
            verifier=self._registry.keys.pepper.verifier(text),
            hint=secret.hint(text),
            date_created=self._now,
        )


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
