"""Waking at exact moments, whatever was done before."""

import asyncio
import statistics
import time
from itertools import pairwise

import uvloop

from clientry.tokens.alarm import GRAIN, Alarm

WAIT = 0.010
WORK = (0.0001, 0.0005)


def work(seconds: float) -> None:
    """Keep the event loop busy, as a look-up and a comparison do."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def medians(count: int) -> dict[float, float]:
    """Return how long it took from a start to its moment, by the work that was done between."""
    alarm = Alarm()
    taken: dict[float, list[float]] = {seconds: [] for seconds in WORK}
    for number in range(count):
        await asyncio.sleep(number * 0.618 % 1 * 0.003)  # at any phase of the loop's milliseconds
        for seconds in WORK[:: 1 if number % 2 else -1]:
            started = time.monotonic()
            work(seconds)
            await alarm.wait_until(started + WAIT)
            taken[seconds].append(time.monotonic() - started)
    return {seconds: statistics.median(each) for seconds, each in taken.items()}


def test_t13_when_an_alarm_rings_does_not_tell_what_was_done_before() -> None:
    """On the server's own event loop 0.4 ms more of work do not show; a timer of that loop would be as much later."""
    series = (uvloop.run(medians(60)) for _ in range(5))
    close = next((each for each in series if abs(each[WORK[0]] - each[WORK[1]]) < (WORK[1] - WORK[0]) / 4), None)
    assert close is not None
    assert min(close.values()) >= WAIT


async def _all(moments: list[float]) -> list[tuple[float, float]]:
    alarm = Alarm()

    async def one(moment: float) -> tuple[float, float]:
        await alarm.wait_until(moment)
        return moment, time.monotonic()

    return await asyncio.gather(*(one(moment) for moment in moments))


def test_whoever_waits_is_woken_after_their_moment_and_in_order() -> None:
    """Also where the nearer moment was asked for later, or is over already; nobody is forgotten."""
    now = time.monotonic()
    moments = [now + wait for wait in (0.2, 0.05, 0.1, -1.0, 0.05, 0.0)]
    rung = asyncio.run(_all(moments))
    assert [moment for moment, _ in rung] == moments
    assert all(woken >= moment for moment, woken in rung)
    order = sorted(rung, key=lambda each: each[1])
    assert all(earlier[0] <= later[0] + GRAIN for earlier, later in pairwise(order))
    assert time.monotonic() - now < 5


def test_an_alarm_outlives_those_who_gave_up_and_their_event_loop() -> None:
    """One that was cancelled is passed over, and another loop can use it afterwards."""
    alarm = Alarm()

    async def give_up() -> None:
        waiting = asyncio.create_task(alarm.wait_until(time.monotonic() + 0.05))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(give_up())
    asyncio.run(alarm.wait_until(time.monotonic() + 0.1))
