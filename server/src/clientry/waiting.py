"""A server whose database is not up yet waits for it; meanwhile it says that it is not ready, and can be asked to end."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from clientry.errors import ConfigurationError
from clientry.settings.database_url import DatabaseUrl
from clientry.storage.engines import why_down

PAUSE: Final = 0.5
"""Seconds from one try to the next."""
REMINDER: Final = 10.0
"""Seconds after which it is told again what is waited for."""

Unready = Callable[[socket.socket, Callable[[], None]], Awaitable[int]]

_log = structlog.get_logger("clientry.waiting")


async def await_database(url: DatabaseUrl, patience: int, unready: Unready) -> int | None:
    """Return when a database is up: None, or the exit code if the process was asked to end before.

    Args:
        url: where it is.
        patience: seconds to wait; 0: whoever opens it next may tell what is wrong.
        unready: serves meanwhile, until the other end of the socket that it is handed is closed, or a signal comes; then it
            calls what it is handed, and returns the exit code.

    Raises:
        ConfigurationError: it did not come up in time, or it is up and does not take us.
    """
    reason = await why_down(url) if patience else ""
    if not reason:
        return None
    ours, theirs = socket.socketpair()
    with ours, theirs:
        looking = asyncio.create_task(_look(url, reason, patience, ours))
        asked = False

        def on_end() -> None:
            nonlocal asked
            asked = not looking.done()

        try:
            code = await unready(theirs, on_end)
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConfigurationError):
                await looking
        if asked or code:  # the latter: a signal came when the database had just come up
            return code if asked else 0
        looking.result()
        return None


async def _look(url: DatabaseUrl, reason: str, patience: int, ours: socket.socket) -> None:
    """Try until the database is up, and close the socket in the end, whatever the end is."""
    loop = asyncio.get_running_loop()
    started = told = loop.time()
    _log.warning("waiting for the database", database=str(url), reason=reason, seconds=patience)
    with ours:
        while loop.time() - started < patience:
            await asyncio.sleep(PAUSE)
            now = await why_down(url)
            if not now:
                _log.info("the database is up", seconds=round(loop.time() - started, 1))
                return
            if now != reason or loop.time() - told > REMINDER:
                reason, told = now, loop.time()
                _log.warning("waiting for the database", database=str(url), reason=reason)
        raise ConfigurationError(f"The database {url} did not come up within {patience} seconds: {reason}.")
