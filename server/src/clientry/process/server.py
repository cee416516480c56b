"""One server process: it listens on its sockets, serves, and ends in order.

The first SIGTERM or SIGINT drains: listening stops, idle connections are closed, requests under way are answered, and the process
ends with exit code 0. A second one ends it at once, with exit code 1. SIGHUP has files read and opened again, and ends nothing.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from clientry.clock import Clock
from clientry.process.certificate import Certificate
from clientry.process.listening import BACKLOG
from clientry.process.protocol import HttpProtocol
from clientry.process.shared import App, Limits, Shared
from clientry.process.tls import TlsDoor

GLANCE: Final = 0.05
"""Seconds from one look at whether all connections have ended to the next."""


class Listener(Struct, frozen=True):
    """How to listen.

    Attributes:
        tls_cert: a certificate chain in PEM, None: plain HTTP.
        tls_key: its private key in PEM.
        drain_delay: seconds that everything goes on after the process was asked to end.
        drain_timeout: seconds that requests under way have to finish then.
        limits: what one client may take.
        clock: what answers are dated by.
    """

    tls_cert: Path | None
    tls_key: Path | None
    drain_delay: int
    drain_timeout: int
    limits: Limits
    clock: Clock


class Signs(Struct, frozen=True):
    """What a server process tells others.

    Attributes:
        on_serving: called once, when requests are taken.
        on_draining: called once, when the process is asked to end.
        on_hangup: called whenever the process is asked to read and open its files again.
    """

    on_serving: Callable[[], None]
    on_draining: Callable[[], None]
    on_hangup: Callable[[], None]


async def run(
    app: App,
    listener: Listener,
    taken: Sequence[socket.socket],
    signs: Signs,
    lifeline: socket.socket | None = None,
) -> int:
    """Serve until a signal comes, and return the exit code.

    Args:
        app: the ASGI application.
        listener: how to listen.
        taken: the sockets, from `bind`.
        signs: what to tell others.
        lifeline: when its other end is closed, that is as if a signal had come.

    Raises:
        ConfigurationError: certificate and key cannot be read, or do not belong together.
    """
    loop = asyncio.get_running_loop()
    tls = Certificate(listener.tls_cert, listener.tls_key) if listener.tls_cert and listener.tls_key else None
    shared = Shared(app, listener.limits, listener.clock, tls)
    # What is there now stays: without this every full collection walks it all, and requests wait 20 ms for it.
    gc.collect()
    gc.freeze()
    end = _End(signs.on_draining)
    with end.listening_for(loop, lifeline), _heard(loop, signal.SIGHUP, lambda: _read_again(tls, signs)), _watched(tls):
        doors = [await _listen(shared, one) for one in taken]
        signs.on_serving()
        await end.asked.wait()
        shared.ending = True  # also while everything goes on for a balancer's sake: its connections end in good order
        if listener.drain_delay and end.with_delay:
            await _until(end.forced, listener.drain_delay)
        for door in doors:
            door.close()
        shared.drain()
        await _drained(shared, end.forced, listener.drain_timeout)
    await _break_off(shared)
    return int(end.forced.is_set())


@contextlib.contextmanager
def _heard(loop: asyncio.AbstractEventLoop, number: int, then: Callable[[], None]) -> Generator[None]:
    """Have a signal heard meanwhile; afterwards it does what it did before."""
    before = signal.getsignal(number)
    loop.add_signal_handler(number, then)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)
        signal.signal(number, before)


@contextlib.contextmanager
def _watched(tls: Certificate | None) -> Generator[None]:
    """Look after the certificate meanwhile."""
    watching = None if tls is None else asyncio.create_task(tls.watch())
    try:
        yield
    finally:
        if watching is not None:
            watching.cancel()


def _read_again(tls: Certificate | None, signs: Signs) -> None:
    signs.on_hangup()
    if tls is not None:
        tls.renew(always=True)


async def _listen(shared: Shared, taken: socket.socket) -> asyncio.AbstractServer | TlsDoor:
    taken.listen(BACKLOG)
    if shared.tls is not None:
        return TlsDoor(shared, shared.tls, taken)
    return await asyncio.get_running_loop().create_server(lambda: HttpProtocol(shared), sock=taken, backlog=BACKLOG)


class _End:
    """Hears when the process is asked to end.

    Attributes:
        asked: once.
        forced: a second time.
        with_delay: by a supervisor or a load balancer, which goes on sending requests for a while; not by Ctrl-C.
    """

    def __init__(self, on_asked: Callable[[], None]) -> None:
        self.asked = asyncio.Event()
        self.forced = asyncio.Event()
        self.with_delay = False
        self._on_asked = on_asked

    @contextlib.contextmanager
    def listening_for(self, loop: asyncio.AbstractEventLoop, lifeline: socket.socket | None) -> Generator[None]:
        """Listen for signals, and to the lifeline."""
        if lifeline is not None:
            loop.add_reader(lifeline, self._lost, loop, lifeline)
        try:
            with (
                _heard(loop, signal.SIGTERM, lambda: self._ask(signal.SIGTERM)),
                _heard(loop, signal.SIGINT, lambda: self._ask(signal.SIGINT)),
            ):
                yield
        finally:
            if lifeline is not None:
                loop.remove_reader(lifeline)

    def _lost(self, loop: asyncio.AbstractEventLoop, lifeline: socket.socket) -> None:
        """End as after a signal, because the process that watched over this one is gone."""
        loop.remove_reader(lifeline)
        self._ask(signal.SIGTERM)

    def _ask(self, number: int) -> None:
        if self.asked.is_set():
            self.forced.set()
            return
        self.with_delay = number == signal.SIGTERM
        self.asked.set()
        self._on_asked()


async def _until(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _drained(shared: Shared, forced: asyncio.Event, seconds: float) -> None:
    """Return when every connection has ended, the time is over, or somebody has no patience."""
    last = shared.time() + seconds
    while shared.connections and not forced.is_set() and shared.time() < last:
        await _until(forced, GLANCE)


async def _break_off(shared: Shared) -> None:
    """Break off what is left."""
    for connection in tuple(shared.connections):
        connection.abort()
    tasks = tuple(shared.tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=1.0)
