"""Point reads: those that wait at the same time share one statement, and so its round trip.

A look-up waits for nobody: while every connection is busy others gather, and go together when one is free.
"""

import asyncio
from collections import deque
from typing import Final

from clientry.errors import StorageTimedOut, StorageUnavailable
from clientry.settings.database_url import DatabaseUrl
from clientry.storage import Credentials
from clientry.storage import statements as sql
from clientry.storage.postgres.connection import Connection, connect, outages
from clientry.storage.records import credentials_of
from clientry.storage.rows import Row

LANES: Final = 2
"""Connections for look-ups."""
MAX_SHARING: Final = 64
"""Look-ups in one statement."""
MAX_WAITING: Final = 5_000
"""Look-ups that may wait; more are refused at once."""
TIMEOUT: Final = 0.8
"""Seconds that a statement may take. One that waited for a full statement before its own still ends within two."""

_Waiting = tuple[str, "asyncio.Future[Credentials | None]"]


class LookUps:
    """Finds clients with their secrets. `direct`: as in `connect`."""

    def __init__(self, url: DatabaseUrl, *, direct: bool = True) -> None:
        self._url = url
        self._direct = direct
        self._waiting: deque[_Waiting] = deque()
        self._free: list[Connection | None] = [None] * LANES
        self._running: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def credentials(self, client_id: str) -> Credentials | None:
        """Return a client with its secrets, None where there is none.

        Raises:
            StorageUnavailable: the database cannot be asked.
        """
        if not client_id.isascii() or "\0" in client_id:
            return None  # PostgreSQL refuses a text with NUL, and the look-ups beside it with it
        if len(self._waiting) >= MAX_WAITING:
            raise StorageUnavailable("too many look-ups are waiting")
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Credentials | None] = loop.create_future()
        self._waiting.append((client_id, found))
        if not self._scheduled and self._free:
            self._scheduled = True
            loop.call_soon(self._dispatch)
        return await found

    async def close(self) -> None:
        """Finish what was asked and say goodbye."""
        while self._running:
            await asyncio.wait(self._running)
        for connection in self._free:
            if connection is not None:
                await connection.close(timeout=1)

    def _dispatch(self) -> None:
        """Send what waits over the lanes that are free."""
        self._scheduled = False
        while self._waiting and self._free:
            batch = [self._waiting.popleft() for _ in range(min(MAX_SHARING, len(self._waiting)))]
            task = asyncio.get_running_loop().create_task(self._run(self._free.pop(), batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, lane: Connection | None, batch: list[_Waiting]) -> None:
        try:
            lane, rows = await self._ask(lane, [client_id for client_id, _ in batch])
        except BaseException as problem:
            lane = None
            for _, found in batch:
                _fail(found, problem)
            if isinstance(problem, StorageTimedOut):
                while self._waiting:  # they have waited as long, and would wait as long again
                    _fail(self._waiting.popleft()[1], problem)
            if not isinstance(problem, StorageUnavailable):
                raise
        else:
            _hand_out(rows, batch)
        finally:
            self._free.append(lane)
            self._dispatch()

    async def _ask(self, lane: Connection | None, client_ids: list[str]) -> tuple[Connection, list[Row]]:
        """Ask over a lane, and over a new one when it turns out to be broken: reading twice changes nothing."""
        if lane is not None and not lane.is_closed():
            try:
                return lane, await _fetch(lane, client_ids)
            except StorageTimedOut:
                raise
            except StorageUnavailable:
                pass
        lane = await connect(self._url, direct=self._direct)
        return lane, await _fetch(lane, client_ids)


async def _fetch(lane: Connection, client_ids: list[str]) -> list[Row]:
    with outages():
        try:
            return await lane.fetch(sql.CLIENTS_CREDENTIALS, client_ids, timeout=TIMEOUT)
        except BaseException:
            lane.terminate()
            raise


def _hand_out(rows: list[Row], batch: list[_Waiting]) -> None:
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row[0], []).append(row)
    for client_id, found in batch:
        if not found.done():
            found.set_result(credentials_of(by_id.get(client_id, [])))


def _fail(found: "asyncio.Future[Credentials | None]", problem: BaseException) -> None:
    if not found.done():
        found.set_exception(problem if isinstance(problem, StorageUnavailable) else StorageUnavailable("stopped"))
