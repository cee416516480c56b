"""Time, as a value that is passed in. Rule: nothing else in Clientry asks the machine what time it is."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Return the seconds since 1970-01-01T00:00:00Z."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Return the seconds since 1970-01-01T00:00:00Z."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        await asyncio.sleep(seconds)


def rfc3339(seconds: int) -> str:
    """Write seconds since the epoch as RFC 3339 in UTC with `Z` and whole seconds, e.g. `2026-01-31T09:30:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"
