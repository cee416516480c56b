"""uvicorn's HTTP protocol with bounds: on the size of a request's head, on the time it takes, on what comes after an answer.

Of itself it accepts 30 MB of headers and keeps a half-sent head open for ever.
"""

import asyncio
from typing import Any, Final, cast

from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

MAX_HEAD: Final = 16_384
"""Bytes of the request line and the headers."""
MAX_READ: Final = 262_144
"""Bytes that the event loop hands over at most at a time."""
MAX_DISCARDED: Final = 1_048_576
"""Bytes of a body that are thrown away after its answer, so that the client can read it, before the connection is broken."""


OVERLOAD_PAUSE: Final = 0.5
"""Seconds that a connection too many waits for its refusal."""


class Refusals(Struct, frozen=True):
    """Bodies of the answers that are given before a request reaches the application; JSON.

    Attributes:
        malformed: it is no HTTP.
        head_too_large: request line and headers are larger than `MAX_HEAD`.
        head_too_slow: they did not arrive in time.
        overloaded: there are too many connections.
    """

    malformed: bytes
    head_too_large: bytes
    head_too_slow: bytes
    overloaded: bytes


class Limits(Struct, frozen=True):
    """What one client may take.

    Attributes:
        header_timeout: seconds that request line and headers may take.
        max_connections: connections at a time; requests on further ones are refused.
        refusals: what the refused are told.
    """

    header_timeout: float
    max_connections: int
    refusals: Refusals


class Shared:
    """What the connections of a process share: whether it is ending, and the answers of one turn of the event loop.

    Whole answers are written together at the turn's end. Each write to a client that sleeps wakes it, which costs as much as
    signing a token where processors are virtual; the second write to a client that is awake costs a fraction. A request that is
    alone waits for nobody.

    Attributes:
        ending: every connection ends with its next answer, so that its client goes elsewhere in good order.
    """

    def __init__(self) -> None:
        self.ending = False
        self._answers: list[tuple[RequestResponseCycle, bytes]] = []

    def put(self, cycle: RequestResponseCycle, answer: bytes) -> None:
        """Take an answer."""
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._flush)
        self._answers.append((cycle, answer))

    def _flush(self) -> None:
        answers, self._answers = self._answers, []
        for cycle, answer in answers:
            if not cycle.transport.is_closing():
                cycle.transport.write(answer)
            cycle.message_event.set()
            cycle.on_response()


class _HeadTooLarge(Exception):
    """The head has more bytes than it may."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, limits: Limits, shared: Shared, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._limits = limits
        self._shared = shared
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._raw_bytes = 0
        self._in_head = True
        self._discarded = 0
        self._is_one_too_many = False
        self._refusal = limits.refusals.malformed

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a connection that says nothing is closed."""
        super().connection_made(transport)
        self._is_one_too_many = len(self.connections) > self._limits.max_connections
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count, and pass on."""
        if self._in_head:
            self._raw_bytes += len(data)
            if self._raw_bytes > MAX_HEAD + MAX_READ:
                self._refuse_head()
                return
        super().data_received(data)
        if self._in_head and self._raw_bytes and self._head_timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End the head."""
        self._in_head = False
        self._raw_bytes = 0
        self._discarded = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Throw away what comes after the answer, up to a point."""
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > MAX_DISCARDED:
                self.transport.close()
            return
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what never became a request."""
        self._answer(b"400 Bad Request", self._refusal)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._is_one_too_many:
            app = _Overloaded(self._limits.refusals.overloaded)
        cycle.keep_alive = cycle.keep_alive and not self._shared.ending
        cycle.send = cast("Any", _OneWrite(cycle, self._shared))
        cycle.scope["clientry.arrived"] = lambda: not cycle.more_body  # type: ignore[typeddict-unknown-key]
        super()._start_asgi_task(cycle, app)

    def _count(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > MAX_HEAD:
            self._refusal = self._limits.refusals.head_too_large
            raise _HeadTooLarge

    def _refuse_head(self) -> None:
        self._answer(b"400 Bad Request", self._limits.refusals.head_too_large)

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._raw_bytes:
            self._answer(b"400 Bad Request", self._limits.refusals.head_too_slow)
        else:
            self.transport.close()

    def _answer(self, status: bytes, body: bytes) -> None:
        if self.transport.is_closing():
            return
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)
        self.transport.close()

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(self._limits.header_timeout, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _OneWrite:
    """Sends an answer whose whole body is there as one packet, with one check where uvicorn makes two for each header.

    Everything else (parts, HEAD, 204, the end of a connection) is uvicorn's own business, and goes to it unchanged.
    """

    def __init__(self, cycle: RequestResponseCycle, shared: Shared) -> None:
        self._cycle = cycle
        self._shared = shared
        self._plain = cycle.send
        self._start: Any = None

    async def __call__(self, message: Any) -> None:
        """Keep the start of an answer until its body shows what kind it is."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if self._is_whole(start, message):
                self._write(start, message["body"])
                return
            await self._plain(start)
        await self._plain(message)

    def _is_whole(self, start: Any, message: Any) -> bool:
        cycle = self._cycle
        return (
            not message.get("more_body", False)
            and cycle.keep_alive
            and not cycle.disconnected
            and not cycle.flow.write_paused
            and not cycle.response_started
            and cycle.scope["method"] != "HEAD"
            and start["status"] not in (204, 304)
        )

    def _write(self, start: Any, body: bytes) -> None:
        cycle = self._cycle
        headers: list[tuple[bytes, bytes]] = [*cycle.default_headers, *start["headers"]]
        head = STATUS_LINE[start["status"]] + b"".join([b"%b: %b\r\n" % header for header in headers])
        if head.count(b"\n") != len(headers) + 1:
            raise RuntimeError("a header has a line feed in it")
        cycle.response_started = cycle.response_complete = True
        self._shared.put(cycle, b"%b\r\n%b" % (head, body))


class _Overloaded:
    """An application that answers 503 and closes the connection.

    It waits a moment first: clients that come back at once would otherwise take the time of those that are served.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(OVERLOAD_PAUSE)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
            (b"retry-after", b"1"),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})
