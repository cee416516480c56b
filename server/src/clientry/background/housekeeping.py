"""What is done without being asked for: once a minute each serving process puts away what has had its time.

Several processes may do it at once: each step is small, and finds nothing to do where another one was faster.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from clientry.clock import Clock
from clientry.errors import StorageUnavailable
from clientry.records.secret import DAY
from clientry.registry.client_life import ClientLifecycle
from clientry.registry.secret_life import SecretLife
from clientry.storage import Storage, Transaction

INTERVAL: Final = 60.0
"""Seconds from one round to the next."""
BATCH: Final = 500
"""Records that one transaction puts away."""

_log = structlog.get_logger("clientry.housekeeping")


class Housekeeping:
    """Puts away what has had its time. `interval`: seconds from one round to the next."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        clients: ClientLifecycle,
        secrets: SecretLife,
        interval: float = INTERVAL,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._clients = clients
        self._secrets = secrets
        self._interval = interval

    async def run(self) -> None:
        """Go on until cancelled; a database that is down now is tidied up later."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.tidy()
            except StorageUnavailable as problem:
                _log.info("housekeeping was put off", reason=str(problem))
            except Exception:
                _log.exception("housekeeping failed")

    async def tidy(self) -> None:
        """Do one round.

        Raises:
            StorageUnavailable: the database cannot be written now.
        """
        now = int(self._clock.now())
        await self._end_expired_clients(now)
        await self._retire_silent_secrets(now)
        while await self._clients.purge(now, BATCH) == BATCH:
            pass
        await self._in_batches(lambda transaction: transaction.answers.purge(now, BATCH))
        await self._in_batches(lambda transaction: transaction.secrets.forget_uses((now - DAY) // 3600, BATCH))

    async def _end_expired_clients(self, now: int) -> None:
        while True:
            found = await self._storage.read(lambda snapshot: snapshot.clients.expired(now, BATCH))
            for client_id in found:
                await self._clients.expire(client_id)
            if len(found) < BATCH:
                return

    async def _retire_silent_secrets(self, now: int) -> None:
        after = ""
        while True:
            found = await self._silent(now, after)
            for client_id in found:
                await self._secrets.retire_silent(client_id)
            if len(found) < BATCH:
                return
            after = found[-1]

    async def _silent(self, now: int, after: str) -> tuple[str, ...]:
        return await self._storage.read(lambda snapshot: snapshot.secrets.silent(now, after, BATCH))

    async def _in_batches(self, step: Callable[[Transaction], Awaitable[int]]) -> None:
        """Repeat a step, each time in its own transaction, until it finds less than a batch."""
        while await self._storage.write(step) == BATCH:
            pass
