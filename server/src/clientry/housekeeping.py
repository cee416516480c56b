"""What is done without being asked for: once a minute each serving process puts away what has had its time.

Several processes may do it at once: each step is small, and finds nothing to do where another one was faster.
"""

import asyncio
from typing import Final

import structlog

from clientry.clock import Clock
from clientry.errors import StorageUnavailable
from clientry.storage import Storage

INTERVAL: Final = 60.0
"""Seconds from one round to the next."""
BATCH: Final = 500
"""Records that one transaction puts away."""

_log = structlog.get_logger("clientry.housekeeping")


class Housekeeping:
    """Puts away what has had its time. `interval`: seconds from one round to the next."""

    def __init__(self, storage: Storage, clock: Clock, interval: float = INTERVAL) -> None:
        self._storage = storage
        self._clock = clock
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
        """Do one round: delete the answers kept for idempotency keys that have expired.

        Raises:
            StorageUnavailable: the database cannot be written now.
        """
        now = int(self._clock.now())
        while await self._storage.write(lambda transaction: transaction.answers.purge(now, BATCH)) == BATCH:
            pass
