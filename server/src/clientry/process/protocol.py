"""uvicorn's HTTP protocol with bounds: on the size of a request's head, on the time it takes, on what comes after an answer.

Of itself it accepts 30 MB of headers and keeps a half-sent head open for ever.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD: Final = 16_384
"""Bytes of the request line and the headers."""
MAX_READ: Final = 262_144
"""Bytes that the event loop hands over at most at a time."""
MAX_DISCARDED: Final = 1_048_576
"""Bytes of a body that are thrown away after its answer, so that the client can read it, before the connection is broken."""


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


class _HeadTooLarge(Exception):
    """The head has more bytes than it may."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, limits: Limits, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._limits = limits
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._raw_bytes = 0
        self._in_head = True
        self._discarded = 0
        self._refusal = limits.refusals.malformed

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a connection that says nothing is closed."""
        super().connection_made(transport)
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
        if len(self.connections) > self._limits.max_connections:
            app = _Overloaded(self._limits.refusals.overloaded)
        writer = _OneWrite(self.transport, self.on_response_complete)
        cycle.transport = cast("Any", writer)
        cycle.on_response = writer.finish
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
    """What an answer is written to: its head waits for the first of its body, so that a small answer is one packet."""

    def __init__(self, transport: asyncio.Transport, on_response: Callable[[], None]) -> None:
        self._transport = transport
        self._on_response = on_response
        self._head = b""
        self._begun = False

    def write(self, data: bytes) -> None:
        """Write, or keep the head."""
        if not self._begun and not data.startswith(b"HTTP/1.1 100 "):
            self._begun = True
            self._head = data
        else:
            self._transport.write(self._head + data)
            self._head = b""

    def finish(self) -> None:
        """Write what is kept: the head of an answer without a body."""
        self._flush()
        self._on_response()

    def close(self) -> None:
        """Write what is kept, and close."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is being closed."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""


class _Overloaded:
    """An application that answers 503 and closes the connection."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
            (b"retry-after", b"1"),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})
