"""Connections that transactions take turns with."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from clientry.errors import StorageUnavailable
from clientry.settings.database_url import DatabaseUrl
from clientry.storage.postgres.connection import Connection, connect

WAITING_PER_CONNECTION: Final = 50
"""Transactions that may wait for each connection; more are refused at once, because they would only time out."""


class Pool:
    """At most `size` connections to a database; the one that was used last is used next.

    A connection is made when it is needed, and dropped when something went wrong on it: nothing that a transaction left
    behind is handed to the next. `direct`: as in `connect`.
    """

    def __init__(self, url: DatabaseUrl, size: int, *, direct: bool = True) -> None:
        self._url = url
        self._direct = direct
        self._size = size
        self._idle: list[Connection] = []
        self._turns = asyncio.Semaphore(size)
        self._waiting = 0

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Lend a connection.

        Raises:
            StorageUnavailable: too many wait already, or none can be made.
        """
        if self._waiting >= self._size * WAITING_PER_CONNECTION:
            raise StorageUnavailable("too many transactions are waiting")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            lent = await self._take()
            try:
                yield lent
            except Exception:
                self._take_back(lent)
                raise
            except BaseException:
                lent.terminate()  # it was cancelled in the middle of something
                raise
            self._take_back(lent)
        finally:
            self._turns.release()

    async def close(self) -> None:
        """Say goodbye on every connection that is not lent."""
        while self._idle:
            await self._idle.pop().close(timeout=1)

    def _take_back(self, lent: Connection) -> None:
        if lent.is_closed():
            return
        if lent.is_in_transaction():
            lent.terminate()
        else:
            self._idle.append(lent)

    async def _take(self) -> Connection:
        while self._idle:
            idle = self._idle.pop()
            if not idle.is_closed():
                return idle
        return await connect(self._url, direct=self._direct)
