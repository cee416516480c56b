"""What the connections of a process share."""

import asyncio
from collections.abc import Callable, MutableMapping
from email.utils import formatdate
from typing import Any, Final, Protocol

from msgspec import Struct

from clientry.clock import Clock
from clientry.process.certificate import Certificate
from clientry.process.exchange import Exchange
from clientry.process.states import Times

App = Callable[..., Any]
Headers = tuple[tuple[bytes, bytes], ...]

SWEEP: Final = 0.25
"""Seconds from one look at the deadlines of all connections to the next."""
OVERLOAD_PAUSE: Final = 0.5
"""Seconds that a connection too many waits for its refusal."""
CROWD: Final = 2
"""Times as many connections as may be served are told that there are too many; what is beyond is broken off unheard."""


class Limits(Struct, frozen=True):
    """What one client may take.

    Attributes:
        times: how long the states of a connection may last.
        max_connections: connections at a time; requests on further ones are refused.
        refusal: returns headers and body of an answer that is given before a request reaches the application, from its status, a
            sentence, and the path, which is empty where it is not known.
    """

    times: Times
    max_connections: int
    refusal: Callable[[int, str, bytes], tuple[Headers, bytes]]


class Member(Protocol):
    """A connection, as the others' companion."""

    @property
    def deadline(self) -> float:
        """When its state has lasted too long."""
        ...

    def late(self, now: float) -> None:
        """Do what is to be done then."""
        ...

    def drain(self) -> None:
        """Close if nothing was asked."""
        ...

    def finish(self, answer: bytes, *, keep_alive: bool) -> None:
        """Send the last bytes of an answer, and go on with what comes next."""
        ...

    def abort(self) -> None:
        """Break off."""
        ...


class Shared:
    """What the connections of a process share: the application, the limits, the time, and the answers of one turn of the loop.

    Whole answers are written together at the turn's end. Each write to a client that sleeps wakes it, which costs as much as
    signing a token where processors are virtual; the second write to a client that is awake costs a fraction. A request that is
    alone waits for nobody.

    Args:
        app: the ASGI application.
        limits: what one client may take.
        clock: what answers are dated by.
        tls: the certificate that connections begin with, None: plain HTTP.

    Attributes:
        connections: those that are open.
        tasks: the requests under way.
        ending: every connection ends with its next answer, so that its client goes elsewhere in good order.
    """

    def __init__(self, app: App, limits: Limits, clock: Clock, tls: Certificate | None = None) -> None:
        self.app = app
        self.limits = limits
        self.tls = tls
        self.connections: set[Member] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.ending = False
        self._clock = clock
        self._second = 0
        self._date = b""
        self._answers: list[tuple[Member, bytes, bool]] = []
        self._loop = asyncio.get_running_loop()
        self._sweeping = False
        self._too_many = _Overloaded(limits)

    @property
    def has_too_many(self) -> bool:
        """Whether there are more connections than are served."""
        return len(self.connections) > self.limits.max_connections

    @property
    def is_crowded(self) -> bool:
        """Whether there are so many connections that a further one is not even told so."""
        return len(self.connections) >= CROWD * self.limits.max_connections

    def time(self) -> float:
        """Return the seconds of a clock that only goes forward."""
        return self._loop.time()

    def date(self) -> bytes:
        """Return the header with the time, made anew once a second."""
        second = int(self._clock.now())
        if second != self._second:
            self._second = second
            self._date = f"date: {formatdate(second, usegmt=True)}".encode()
        return self._date

    def add(self, connection: Member) -> None:
        """Take a connection, and watch its deadlines."""
        self.connections.add(connection)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP, self._sweep)

    def start(self, exchange: Exchange, scope: MutableMapping[str, Any], *, overloaded: bool) -> None:
        """Have the application answer a request, or, of a connection too many, tell that there are too many."""
        task = self._loop.create_task(exchange.run(self._too_many if overloaded else self.app, scope))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def put(self, connection: Member, answer: bytes, *, keep_alive: bool) -> None:
        """Take an answer."""
        if not self._answers:
            self._loop.call_soon(self._flush)
        self._answers.append((connection, answer, keep_alive))

    def drain(self) -> None:
        """End every connection that waits for a request, and the others with their next answer."""
        self.ending = True
        for connection in tuple(self.connections):
            connection.drain()

    def _flush(self) -> None:
        answers, self._answers = self._answers, []
        for connection, answer, keep_alive in answers:
            connection.finish(answer, keep_alive=keep_alive)

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in tuple(self.connections):
            if connection.deadline < now:
                connection.late(now)
        self._sweeping = bool(self.connections)
        if self._sweeping:
            self._loop.call_later(SWEEP, self._sweep)


class _Overloaded:
    """An application that answers 503 and closes the connection.

    It waits a moment first: clients that come back at once would otherwise take the time of those that are served.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(OVERLOAD_PAUSE)
        headers, body = self._limits.refusal(503, "There are too many connections right now.", scope["raw_path"])
        await send({"type": "http.response.start", "status": 503, "headers": [*headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": body})
