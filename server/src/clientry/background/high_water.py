"""The high-water mark: what this node knows to have been in the database, kept outside of it, and what follows where it is not.

Once a second, and before the first request, it is looked for. Where it is gone, or another one is in its place, the database went
back to an earlier state, and what was stopped since then is alive again: nothing is served until the operator has said that this
was meant. A crash loses at most the last second's mark.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from clientry.background import high_water_file
from clientry.errors import StorageUnavailable, WentBack
from clientry.records.incarnation import EventPlace, HighWaterMark, Standing, raised, went_back
from clientry.storage import Snapshot, Storage

INTERVAL: Final = 1.0
"""Seconds from one look to the next."""
REMEDY: Final = "If it was restored on purpose, say so with: clientry restored"

_log = structlog.get_logger("clientry.high_water")


class HighWater:
    """Tells whether the database went back.

    Args:
        storage: the database.
        places: where the mark is kept: the first that can be written.
    """

    def __init__(self, storage: Storage, places: Sequence[Path]) -> None:
        self._storage = storage
        self._places = places
        self._marks: tuple[HighWaterMark, ...] | None = None
        self._held: tuple[str, ...] = ()
        self._noted: EventPlace | None = None
        self._writable = True
        self._reason: str | None = None

    def hold(self, kids: Sequence[str]) -> None:
        """Say which signing keys this process works with: the database must have them as long as it runs."""
        self._held = tuple(kids)

    def ensure(self) -> None:
        """Return if the database is where it was, or further.

        Raises:
            WentBack: it went back.
        """
        if self._reason is not None:
            raise WentBack(self._reason)

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            with contextlib.suppress(StorageUnavailable):
                await self.check()

    async def check(self) -> None:
        """Look whether the database went back, and raise the mark if it did not.

        Raises:
            ConfigurationError: the mark that was kept cannot be read.
            StorageUnavailable: the database cannot be read now.
        """
        if self._marks is None:
            self._marks = high_water_file.read(self._places)
        own = self._storage.latest
        known = tuple(dict.fromkeys(event for mark in self._marks for event in mark.events))
        asked = known if own is None or own in known else (*known, own)
        now = await self._storage.read(lambda snapshot: _standing(snapshot, asked))
        if now is None:
            return
        self._judge(self._went_back(now, own))
        if self._reason is None:
            await self._raise(now, own)

    def _went_back(self, now: Standing, own: EventPlace | None) -> str | None:
        """Return what shows that the database went back, None: nothing."""
        for mark in self._marks or ():
            reason = went_back(mark, now)
            if reason is not None:
                return f"{reason}. {REMEDY}"
        missing = [kid for kid in self._held if kid not in now.signing_keys]
        if missing:
            return f"the signing key {missing[0]}, which this process works with, is not in it. Restart this node"
        if own is None or own == self._noted or own in now.events or self._is_new(now):
            return None
        return f"a change that was acknowledged is not in it. {REMEDY}"

    def _is_new(self, now: Standing) -> bool:
        """Tell whether the database has begun an incarnation since the marks were made."""
        known = {mark.incarnation_id for mark in self._marks or ()}
        return bool(known) and now.incarnation.incarnation_id not in known

    def _judge(self, reason: str | None) -> None:
        if reason is not None and self._reason is None:
            _log.error("the database went back to an earlier state, and nothing is served", reason=reason)
        elif reason is None and self._reason is not None:
            _log.warning("the database is settled, and serving goes on")
        self._reason = reason

    async def _raise(self, now: Standing, own: EventPlace | None) -> None:
        if own is not None and own != self._noted:
            if own in now.events:  # else it is of an incarnation that is over
                await self._storage.write(lambda transaction: transaction.incarnations.note(own))
            self._noted = own
        before = self._marks[0] if self._marks else None
        mark = raised(before, now, own if own in now.events else None)
        if self._marks == (mark,):
            return
        self._marks = (mark,)
        written = high_water_file.write(self._places, mark)
        if self._writable and not written:
            _log.warning("the high-water mark cannot be kept", tried=[str(place) for place in self._places])
        self._writable = written


async def _standing(snapshot: Snapshot, events: Sequence[EventPlace]) -> Standing | None:
    """Return what is in the database, and which of these events; None: it has no incarnation yet."""
    incarnation = await snapshot.incarnations.get()
    if incarnation is None:
        return None
    there = [event for event in events if await snapshot.audit_events.has(event)]
    kids = [key.kid for key in await snapshot.signing_keys.all()]
    return Standing(incarnation, tuple(there), tuple(sorted(kids)))
