"""Writes the noted uses of secrets, about once a second.

A crash loses the last second's sums. A grace period that was about to begin then begins with the next use: it can become longer,
never shorter. A secret that is retired by silence counts as silent though it was used, if its only use in all that time fell into
that second.
"""

import asyncio
from typing import Final

import structlog

from clientry.errors import StorageUnavailable
from clientry.registry.secret_life import SecretLife
from clientry.storage import Storage
from clientry.tokens.uses import Uses

INTERVAL: Final = 1.0
"""Seconds from one writing to the next."""
BATCH: Final = 1_000
"""Secrets whose use is written at a time; the others' sums wait for the next time, unless there are many more."""

_log = structlog.get_logger("clientry.uses")


class UseWriter:
    """Writes uses.

    Args:
        storage: where they are written.
        secrets: begins the grace periods of older secrets.
        uses: what was noted.
    """

    def __init__(self, storage: Storage, secrets: SecretLife, uses: Uses) -> None:
        self._storage = storage
        self._secrets = secrets
        self._uses = uses

    async def run(self) -> None:
        """Write once a second until cancelled; while the database is down the sums grow."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.write()
            except StorageUnavailable as problem:
                _log.info("writing the use of secrets was put off", reason=str(problem))
            except Exception:
                _log.exception("writing the use of secrets failed")

    async def write(self) -> None:
        """Begin the grace periods that are due, and write sums.

        Raises:
            StorageUnavailable: the database cannot be written now; what was not written is held.
        """
        for use in tuple(self._uses.first.values()):
            await self._secrets.begin_grace(use.client_id, use.secret_id, use.last_used_at)
            del self._uses.first[use.secret_id]
        batch = self._uses.take(max(BATCH, len(self._uses) // 10))
        if not batch:
            return
        try:
            await self._storage.write(lambda transaction: transaction.secrets.note_uses(batch))
        except StorageUnavailable:
            self._uses.put_back(batch)
            raise
