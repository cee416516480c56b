"""Learns, about once a second, which forms may be written since the last time (`clientry.storage.forms`)."""

import asyncio

import structlog

from clientry.errors import StorageUnavailable
from clientry.storage import Storage
from clientry.storage.forms import INTERVAL

_log = structlog.get_logger("clientry.forms")


class FormWatch:
    """Has a process learn when the last node of an older version is gone, without a restart."""

    def __init__(self, storage: Storage, interval: float = INTERVAL) -> None:
        self._storage = storage
        self._interval = interval

    async def run(self) -> None:
        """Go on until cancelled; while the database is down what is known stays."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self._storage.reread_forms()
            except StorageUnavailable as problem:
                _log.debug("reading which forms may be written was put off", reason=str(problem))
            except Exception:
                _log.exception("reading which forms may be written failed")
