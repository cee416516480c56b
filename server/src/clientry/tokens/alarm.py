"""Waking at exact moments.

The event loop's timers count whole milliseconds from when they are set: what was done before setting one shows in when it rings, to
the microsecond. So a thread waits instead, for moments that are fixed beforehand.
"""

import asyncio
import contextlib
import heapq
import itertools
import math
import threading
import time
from typing import Final

GRAIN: Final = 0.001
"""Seconds. Moments are put off to the next multiple: so a flood of them wakes the thread a thousand times a second at most."""

_Waiting = tuple[float, int, asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Alarm:
    """Wakes coroutines; it has a thread from the first one on."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._ring, name="clientry-alarm", daemon=True)

    async def wait_until(self, moment: float) -> None:
        """Return at a moment of `time.monotonic`, or up to `GRAIN` later."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        due = math.ceil(moment / GRAIN) * GRAIN
        with self._changed:
            if not self._thread.is_alive():
                self._thread.start()
            heapq.heappush(self._waiting, (due, next(self._numbers), loop, woken))
            if self._waiting[0][3] is woken:
                self._changed.notify()
        await woken

    def _ring(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0][0] > time.monotonic():
                    self._changed.wait(self._waiting[0][0] - time.monotonic() if self._waiting else None)
                now = time.monotonic()
                due: list[_Waiting] = []
                while self._waiting and self._waiting[0][0] <= now:
                    due.append(heapq.heappop(self._waiting))
            for _, _, loop, woken in due:
                with contextlib.suppress(RuntimeError):  # the loop has ended, and whoever waited with it
                    loop.call_soon_threadsafe(_wake, woken)


def _wake(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)
