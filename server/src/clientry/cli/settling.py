"""`clientry restored` and `keep-root`: the operator settles what became of the database, and nodes serve it again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cyclopts import App

from clientry.cli.flags import PLACES, settings_flags
from clientry.cli.output import say
from clientry.clock import SystemClock
from clientry.errors import ConfigurationError
from clientry.randomness import SystemRandom
from clientry.records.caller import Operator
from clientry.settings import Settings, load
from clientry.storage.transfer import Target

FLAGS = (*PLACES, "high_water_file", "database_connections", "database_pooler")


def register(app: App) -> None:
    """Add the commands."""
    app.command(restored)
    app.command(keep_root)


@settings_flags(*FLAGS)
def restored(*, keep_tokens: bool = False, **flags: Any) -> None:
    """Say that the database was put back to an earlier state on purpose, by other means than `clientry restore`.

    Every token issued so far is stopped, and nodes that refuse to serve, because they noticed, serve again within a second.

    Args:
        keep_tokens: tokens stay good, also those that were stopped in the time that was lost.
        flags: settings.
    """
    if not asyncio.run(_restored(load(flags).settings, keep_tokens=keep_tokens)):
        raise ConfigurationError("The database is empty. There is nothing to settle.")
    say("The database is in a new incarnation, and nodes serve it again.")
    say("The tokens of before stay good." if keep_tokens else "Every token of before is dead; clients get new ones.")


async def _restored(settings: Settings, *, keep_tokens: bool) -> bool:
    from clientry.opening import open_registry
    from clientry.registry.incarnations import begin

    async with open_registry(settings) as registry:
        storage, caller = registry.storage, operator()
        return await begin(storage.write, caller, registry.clock, registry.random, keep_tokens=keep_tokens)


@settings_flags(*FLAGS)
def keep_root(account_id: str, /, **flags: Any) -> None:
    """Keep one of two root accounts, which two first starts at once have made, and put the other with all it has below it.

    Stop all servers first. Every client and every secret stays as it is; tokens of the part that moves may be refused.

    Args:
        account_id: the root that stays.
        flags: settings.
    """
    for other in asyncio.run(_keep_root(load(flags).settings, account_id)):
        say(f"{other} is now an account below {account_id}.")


async def _keep_root(settings: Settings, account_id: str) -> tuple[str, ...]:
    from clientry.registry.incarnations import keep_root as keep
    from clientry.storage.engines import open_storage

    storage = await open_storage(settings.database_url, settings.database_connections, settings.database_pooler)
    try:
        return await keep(storage, operator(), account_id, SystemClock(), SystemRandom())
    finally:
        await storage.close()


def beginning(*, keep_tokens: bool) -> Callable[[Target], Awaitable[None]]:
    """Return what begins a new incarnation of a restored database, before anybody can see it."""
    from clientry.registry.incarnations import begin

    async def body(target: Target) -> None:
        await begin(target.change, operator(), SystemClock(), SystemRandom(), keep_tokens=keep_tokens)

    return body


async def check(settings: Settings) -> None:
    """Check that a restored database can be served with the keys that are here.

    Raises:
        ConfigurationError: it cannot.
    """
    from clientry.installation import check_keys, open_keys
    from clientry.registry.incarnations import check_root
    from clientry.storage.engines import open_storage

    storage = await open_storage(settings.database_url, 1, settings.database_pooler)
    try:
        await check_root(storage)
        await check_keys(storage, open_keys(settings))
    finally:
        await storage.close()


def operator() -> Operator:
    """Return the caller that a command is which works on the database as a whole."""
    return Operator(request_id=SystemRandom().bytes(16).hex())
