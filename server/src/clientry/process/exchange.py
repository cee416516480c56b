"""One request and its answer, as a plain ASGI application sees them (ASGI 3, HTTP).

An answer whose whole body is there goes out as one packet; its headers are checked once, after they were joined.
"""

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final, Protocol

from clientry.process.head import Head

Message = MutableMapping[str, Any]

STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus if status.value >= 200
}
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_WITHOUT_BODY: Final = frozenset({204, 304})


class Wire(Protocol):
    """What an exchange needs of its connection."""

    def date(self) -> bytes:
        """Return the header with the time."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def put(self, answer: bytes, *, keep_alive: bool) -> None:
        """Send the last bytes of the answer."""
        ...

    async def writable(self) -> None:
        """Return when the client reads."""
        ...

    def read_on(self) -> None:
        """Take more from the client: what was received was handed over."""
        ...

    def stays(self) -> bool:
        """Tell whether a further request may follow on this connection, if it were for the server alone."""
        ...

    def abort(self) -> None:
        """Break the connection off: the answer cannot be finished."""
        ...


class Exchange:
    """A request under way.

    Args:
        wire: its connection.
        head: the head of the request.
        body: what has come of its body.
        is_whole: that is all.

    Attributes:
        held: bytes of the body that were not handed over yet.
        has_begun: the answer was begun.
        is_answered: the whole answer was handed to the connection.
    """

    __slots__ = (
        "_body",
        "_continue",
        "_handed_over",
        "_head",
        "_is_gone",
        "_is_late",
        "_is_whole",
        "_keep_alive",
        "_left",
        "_start",
        "_waiter",
        "_wire",
        "has_begun",
        "held",
        "is_answered",
    )

    def __init__(self, wire: Wire, head: Head, body: bytes, *, is_whole: bool) -> None:
        self._wire = wire
        self._head = head
        self._body = body
        self._is_whole = is_whole
        self._handed_over = False
        self._continue = head.expects_continue and not is_whole
        self._is_gone = False
        self._is_late = False
        self._waiter: asyncio.Future[None] | None = None
        self._start: Message | None = None
        self._keep_alive = head.keep_alive
        self._left: int | None = None
        self.has_begun = False
        self.is_answered = False
        self.held = len(body)

    async def run(self, app: Callable[..., Any], scope: MutableMapping[str, Any]) -> None:
        """Have the application answer; when it fails to, the connection is broken off."""
        with contextlib.suppress(Exception):  # the application has logged it
            await app(scope, self.receive, self.send)
        if not (self.is_answered or self._is_gone):
            self._wire.abort()

    def more(self, body: bytes, *, is_whole: bool) -> None:
        """Take more of the body."""
        self._body += body
        self.held = len(self._body)
        self._is_whole = is_whole
        self._wake()

    def disconnect(self) -> None:
        """Take note that the client has gone: nothing more comes, and what is sent goes nowhere."""
        self._is_gone = True
        self._wake()

    def late(self) -> None:
        """Take note that the body did not arrive in its time: whoever reads it is told so."""
        self._is_late = True
        self._wake()

    async def receive(self) -> Message:
        """Return the next part of the body, or, when that is over, wait until the client has gone."""
        while not (self._is_gone or self._is_late) and (self._handed_over or not (self._body or self._is_whole)):
            if self._continue and not self.has_begun:
                self._continue = False
                self._wire.write(_CONTINUE)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._is_gone or self._is_late:
            return {"type": "http.disconnect", "clientry.late": not self._is_gone}
        body, self._body, self.held = self._body, b"", 0
        self._handed_over = self._is_whole
        if not self._is_whole:
            self._wire.read_on()
        return {"type": "http.request", "body": body, "more_body": not self._is_whole}

    async def send(self, message: Message) -> None:
        """Send a part of the answer.

        Raises:
            RuntimeError: it is not the part whose turn it is, or a header has a line end in it.
        """
        if self._is_gone:
            return
        start = self._start
        if message["type"] == "http.response.start":
            if start is not None or self.has_begun:
                raise RuntimeError("the answer was begun before")
            self._start = message
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if start is not None:
            self._start = None
            self.has_begun = True
            if not more:
                self._send_whole(start, body)
                return
            self._wire.write(self._open(start))
        if not self.has_begun or self.is_answered:
            raise RuntimeError("there is no answer to send a part of")
        await self._send_part(body, more=more)

    def _send_whole(self, start: Message, body: bytes) -> None:
        status: int = start["status"]
        head = self._lines(start)
        if status in _WITHOUT_BODY:
            body = b""
        elif head.find(b"\r\ncontent-length: ") < 0:
            head += b"content-length: %d\r\n" % len(body)
        if self._head.method == "HEAD":
            body = b""
        self._put(b"%b%b\r\n%b" % (head, self._connection(head), body))

    def _open(self, start: Message) -> bytes:
        """Return the head of an answer that is sent in parts."""
        head = self._lines(start)
        at = head.find(b"\r\ncontent-length: ")
        if at >= 0:
            self._left = int(head[at + 18 : head.index(b"\r", at + 18)])
        elif self._head.method == "HEAD" or start["status"] in _WITHOUT_BODY:
            self._left = 0
        elif self._head.is_1_1:
            head += b"transfer-encoding: chunked\r\n"
        else:
            self._keep_alive = False  # the end of the connection is the end of the answer (RFC 9112 section 6.3)
        return b"%b%b\r\n" % (head, self._connection(head))

    async def _send_part(self, body: bytes, *, more: bool) -> None:
        chunked = self._left is None and self._head.is_1_1
        if self._head.method == "HEAD":
            body = b""
            self._left = 0
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the answer is not as long as its Content-Length")
        if chunked and body:
            body = b"%x\r\n%b\r\n" % (len(body), body)
        if not more:
            self._put(body + b"0\r\n\r\n" if chunked else body)
            return
        if body:
            self._wire.write(body)
            await self._wire.writable()

    def _lines(self, start: Message) -> bytes:
        """Return status line and header lines (RFC 9112 section 4)."""
        headers: list[tuple[bytes, bytes]] = start["headers"]
        lines = [STATUS_LINES[start["status"]], self._wire.date(), *[b": ".join(header) for header in headers], b""]
        head = b"\r\n".join(lines)
        if head.count(b"\n") != len(headers) + 2 or head.count(b"\r") != len(headers) + 2:
            raise RuntimeError("a header has a line end in it")
        return head

    def _connection(self, head: bytes) -> bytes:
        """Return the header line that says whether the connection goes on, where it must be said (RFC 9112 section 9.3)."""
        if head.find(b"\r\nconnection: close\r\n") >= 0:
            self._keep_alive = False
            return b""
        self._keep_alive = self._keep_alive and self._wire.stays()
        if self._keep_alive:
            return b"" if self._head.is_1_1 else b"connection: keep-alive\r\n"
        return b"connection: close\r\n"

    def _put(self, last: bytes) -> None:
        self.is_answered = True
        self._wire.put(last, keep_alive=self._keep_alive)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
