"""When and how secrets are used: summed up in memory, and written about once a second.

A crash loses the last second's sums. A grace period that was about to begin then begins with the next use: it can become longer,
never shorter. A secret that is retired by silence counts as silent though it was used, if its only use in all that time fell into
that second.
"""

import asyncio
from typing import Final

import structlog

from clientry.errors import StorageUnavailable
from clientry.records.secret import ClientSecret
from clientry.registry.secrets import SecretRegistry
from clientry.storage import SecretUse, Storage

INTERVAL: Final = 1.0
"""Seconds from one writing to the next."""
BATCH: Final = 1_000
"""Secrets whose use is written at a time; the others' sums wait for the next time, unless there are many more."""
MAX_HELD: Final = 100_000
"""Secrets whose use is held; of more, while the database cannot be written, the uses are not counted."""

_log = structlog.get_logger("clientry.usage")


class UsageLog:
    """Sums up the uses of secrets, and writes them.

    Args:
        storage: where they are written.
        secrets: begins the grace periods of older secrets.
    """

    def __init__(self, storage: Storage, secrets: SecretRegistry) -> None:
        self._storage = storage
        self._secrets = secrets
        self._held: dict[str, SecretUse] = {}
        self._first_uses: dict[str, SecretUse] = {}

    def note(self, secrets: tuple[ClientSecret, ...], index: int, now: int, address: str, user_agent: str) -> None:
        """Note that one of a client's secrets was used.

        Args:
            secrets: those of the client.
            index: which one was used.
            now: seconds since 1970-01-01T00:00:00Z.
            address: where from.
            user_agent: by what program, as it says itself.
        """
        used = secrets[index]
        before = self._held.get(used.secret_id)
        if before is None and len(self._held) >= MAX_HELD:
            return
        count = 1 if before is None else before.uses + 1
        use = SecretUse(used.client_id, used.secret_id, count, now, address, user_agent)
        self._held[used.secret_id] = use
        if len(secrets) > 1 and any(one.awaits(used) for one in secrets):
            self._first_uses.setdefault(used.secret_id, use)

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
        for use in tuple(self._first_uses.values()):
            await self._secrets.begin_grace(use.client_id, use.secret_id, use.last_used_at)
            del self._first_uses[use.secret_id]
        batch = [use for use, _ in zip(self._held.values(), range(max(BATCH, len(self._held) // 10)), strict=False)]
        if not batch:
            return
        for use in batch:
            del self._held[use.secret_id]
        try:
            await self._storage.write(lambda transaction: transaction.secrets.note_uses(batch))
        except StorageUnavailable:
            for use in batch:
                later = self._held.get(use.secret_id)
                self._held[use.secret_id] = use if later is None else later.plus(use)
            raise
