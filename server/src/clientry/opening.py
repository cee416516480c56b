"""A registry, opened: the database of a data directory with its keys, and the operations on it. Of servers and commands alike."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec import Struct

from clientry.clock import Clock, SystemClock
from clientry.errors import ConfigurationError
from clientry.finishing import finish
from clientry.installation import (
    Keys,
    check_keys,
    is_installed,
    make_data_directory,
    make_keys,
    note_keys,
    open_keys,
)
from clientry.randomness import Random, SystemRandom
from clientry.records.product import Catalogue
from clientry.registry.accounts import AccountRegistry
from clientry.registry.client_life import ClientLifecycle
from clientry.registry.clients import ClientRegistry
from clientry.registry.secret_life import SecretLife
from clientry.registry.secrets import SecretRegistry
from clientry.settings import Settings
from clientry.settings.database_url import Engine
from clientry.storage import Storage
from clientry.storage.engines import migrate, open_storage


class Registry(Struct, frozen=True):
    """What works on a data directory, in this process: the server's inside, and what the command line uses.

    Attributes:
        settings: what it runs with.
        storage: the database.
        keys: what is kept outside it.
        clock: the time.
        random: randomness.
        catalogue: the configured products.
        clients: operations on clients.
        lifecycle: their end and their return.
        secrets: operations on their secrets.
        secret_life: how secrets end by themselves.
        accounts: operations on accounts.
    """

    settings: Settings
    storage: Storage
    keys: Keys
    clock: Clock
    random: Random
    catalogue: Catalogue
    clients: ClientRegistry
    lifecycle: ClientLifecycle
    secrets: SecretRegistry
    secret_life: SecretLife
    accounts: AccountRegistry


@asynccontextmanager
async def open_registry(
    settings: Settings, *, create: bool = False, clock: Clock | None = None
) -> AsyncGenerator[Registry]:
    """Open a data directory, and close it again.

    Args:
        settings: where it is.
        create: whether to make what is missing.
        clock: tells the time; None: the machine's.

    Raises:
        ConfigurationError: it is not there, not whole, or not usable by this program.
    """
    clock, random = clock or SystemClock(), SystemRandom()
    url = settings.database_url
    if create:
        if url.engine is Engine.SQLITE or not settings.has_both_keys:
            make_data_directory(settings)
        await migrate(url)
    elif url.engine is Engine.SQLITE and not url.path.exists():
        raise ConfigurationError(f"There is no database in {settings.data}. Make one with: clientry init")
    storage = await open_storage(url, settings.database_connections)
    try:
        if create:
            await make_keys(storage, settings, random)
        keys = open_keys(settings)
        await check_keys(storage, keys)
        if create:
            await note_keys(storage, keys)
            if url.engine is Engine.SQLITE or not await is_installed(storage):
                await finish(url, storage, keys.pepper)  # no older version is beside it
        catalogue = Catalogue(settings.products)
        yield Registry(
            settings=settings,
            storage=storage,
            keys=keys,
            clock=clock,
            random=random,
            catalogue=catalogue,
            clients=ClientRegistry(storage, clock, random, keys.pepper, catalogue, settings.secret_prefix),
            lifecycle=ClientLifecycle(storage, clock, random, settings.restore_window),
            secrets=SecretRegistry(storage, clock, random, keys.pepper, settings.secret_prefix),
            secret_life=SecretLife(storage, clock, random),
            accounts=AccountRegistry(storage, clock, random),
        )
    finally:
        await storage.close()
