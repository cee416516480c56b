"""A registry, opened: the database of a data directory with its keys, and the operations on it. Of servers and commands alike."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from msgspec import Struct

from clientry import ending
from clientry.background.high_water import HighWater
from clientry.clock import Clock, SystemClock
from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.finishing import finish
from clientry.installation import (
    FirstClient,
    Keys,
    check_keys,
    install,
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
from clientry.registry.incarnations import AlreadyInstalled, check_root, ensure_incarnation
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
        high_water: tells whether the database went back to an earlier state.
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
    high_water: HighWater


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
    storage = await open_storage(url, settings.database_connections, settings.database_pooler)
    try:
        keys = await _fitting_keys(storage, settings, random, create=create)
        high_water = HighWater(storage, settings.high_water_places)
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
            high_water=high_water,
        )
        if storage.latest is not None:
            with contextlib.suppress(StorageUnavailable):
                await high_water.check()
    finally:
        await storage.close()


async def install_where_missing(registry: Registry, hand_over: Callable[[FirstClient], None]) -> None:
    """Install where nobody has; a node that starts at the same moment as another one goes on with what that one made.

    Args:
        registry: opened to be made.
        hand_over: as in `install`.
    """
    if await is_installed(registry.storage):
        return
    with contextlib.suppress(AlreadyInstalled), ending.held():  # else the credentials of what was made could be lost
        await install(registry.storage, registry.settings, registry.keys, registry.clock, registry.random, hand_over)


async def _fitting_keys(storage: Storage, settings: Settings, random: Random, *, create: bool) -> Keys:
    """Return the keys of a database, made where they are missing and may be, and see that program and database agree."""
    if create:
        await make_keys(storage, settings, random)
    keys = open_keys(settings)
    await check_keys(storage, keys)
    if not create:
        await check_root(storage)
        return keys
    await note_keys(storage, keys)
    await check_keys(storage, keys)  # of nodes that start together with different keys one was faster
    await ensure_incarnation(storage, random)
    if settings.database_url.engine is Engine.SQLITE or not await is_installed(storage):
        await finish(settings.database_url, storage, keys.pepper)  # no older version is beside it
    return keys
