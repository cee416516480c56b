"""The asyncio shell around a connection: it moves bytes between a transport, the state machine and the application.

It decides nothing about HTTP. What may be received, for how long and how much is the machine's business (`connection.py`); what an
answer looks like is the exchange's.
"""

import asyncio
import ssl
from typing import Final
from urllib.parse import unquote

import structlog

from clientry.process.connection import Connection
from clientry.process.events import Event, Gone, More, Refusal, Request
from clientry.process.exchange import STATUS_LINES, Exchange
from clientry.process.reset import reset
from clientry.process.shared import Shared
from clientry.process.states import MAX_BODY_HELD, Late, State

_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_log = structlog.get_logger("clientry.connection")


class HttpProtocol(asyncio.Protocol):
    """One connection. `machine`: its state."""

    __slots__ = (
        "_exchange",
        "_handshake",
        "_is_one_too_many",
        "_is_paused",
        "_keep_alive",
        "_peer",
        "_shared",
        "_transport",
        "_unread",
        "_writable",
        "machine",
    )

    _transport: asyncio.Transport

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._exchange: Exchange | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._keep_alive: bool | None = None
        self._unread = 0
        self._is_one_too_many = False
        self._is_paused = False
        self.machine = Connection(shared.limits.times, shared.time(), secure=shared.tls is not None)

    @property
    def deadline(self) -> float:
        """When the state that it is in has lasted too long."""
        return self.machine.deadline

    # What the transport tells.

    def accepted(self, handshake: asyncio.Task[None]) -> None:
        """Count from now on, while TLS is being agreed on."""
        self._handshake = handshake
        self._shared.add(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: from now on requests may come."""
        shared = self._shared
        self._transport = transport
        self._peer = transport.get_extra_info("peername")
        transport.set_write_buffer_limits(high=1)  # what the kernel does not take is what the client does not read
        if self._handshake is not None:
            self._handshake = None
            self.machine.secured()
        elif shared.is_crowded:
            self.abort()
        else:
            shared.add(self)
        self._is_one_too_many = shared.has_too_many

    def data_received(self, data: bytes) -> None:
        """Hand over what came."""
        machine = self.machine
        event = machine.receive(data, self._shared.time())
        if event is not None:
            self._handle(event)
        if machine.is_full:
            self._pause_reading()
        elif machine.state is State.CLOSING:
            self._transport.close()

    def eof_received(self) -> bool:
        """Go on where a request that came whole is not answered yet; TLS has no half of a connection."""
        if self._is_one_too_many:  # nobody is refused who has gone, and others have its place
            self.abort()
            return False
        event = self.machine.ended(self._shared.time())
        if event is not None:
            self._handle(event)
        return self._shared.tls is None and self.machine.state not in (State.CLOSING, State.CLOSED)

    def pause_writing(self) -> None:
        """Hear that the client does not read as fast as it is answered."""
        self._writable = asyncio.get_running_loop().create_future()
        self._unread = self._transport.get_write_buffer_size()
        self.machine.blocked(self._shared.time())

    def resume_writing(self) -> None:
        """Hear that the client has read."""
        now = self._shared.time()
        self.machine.unblocked(now)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        if self._keep_alive is not None:
            self._go_on(now)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._shared.connections.discard(self)
        self.machine.closed()
        if self._exchange is not None:
            self._exchange.disconnect()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # What the process asks for.

    def late(self, now: float) -> None:
        """Do what is to be done when a state has lasted too long."""
        unread = 0 if self._handshake is not None else self._transport.get_write_buffer_size()
        if self.machine.state in (State.WRITING, State.CLOSING) and unread < self._unread:
            self._unread = unread
            self.machine.goes_on(now)
            return
        match self.machine.late(now):
            case Refusal() as refusal:
                self._refuse(refusal)
            case Late.ABORT:
                self.abort()
            case Late.TELL if self._exchange is not None:
                self._exchange.late()
            case _:
                self._unread = unread
                self._transport.close()

    def drain(self) -> None:
        """Close if nothing was asked."""
        self.machine.drain(self._shared.time())
        if self.machine.state is State.CLOSING:
            self._transport.close()

    def finish(self, answer: bytes, *, keep_alive: bool) -> None:
        """Send the last bytes of an answer, and go on with what comes next."""
        if self._exchange is None or self._transport.is_closing():
            return
        if answer:
            self._transport.write(answer)
        self._exchange = None
        self._keep_alive = keep_alive
        if self._writable is None:
            self._go_on(self._shared.time())
        else:
            self._pause_reading()  # what comes next is not looked at before this was read

    def date(self) -> bytes:
        """Return the header with the time."""
        return self._shared.date()

    def write(self, data: bytes) -> None:
        """Send bytes of an answer."""
        self._transport.write(data)
        self.machine.goes_on(self._shared.time())

    def put(self, answer: bytes, *, keep_alive: bool) -> None:
        """Send the last bytes of the answer, at the end of this turn of the event loop."""
        self._shared.put(self, answer, keep_alive=keep_alive)

    async def writable(self) -> None:
        """Return when the client reads."""
        if self._writable is not None:
            await self._writable

    def read_on(self) -> None:
        """Take more from the client."""
        if self._is_paused:
            self._is_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _pause_reading(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def stays(self) -> bool:
        """Tell whether a further request may follow."""
        return not (self._shared.ending or self.machine.awaits_body)

    def abort(self) -> None:
        """Break off."""
        self.machine.closed()
        if self._handshake is not None:
            self._handshake.cancel()
        else:
            reset(self._transport)

    # What the machine says.

    def _handle(self, event: Event) -> None:
        match event:
            case Request():
                self._begin(event)
            case More(body=body, is_whole=is_whole):
                exchange = self._exchange
                if exchange is not None:
                    exchange.more(body, is_whole=is_whole)
                    if exchange.held > MAX_BODY_HELD:
                        self._pause_reading()
            case Refusal():
                self._refuse(event)
            case Gone():
                if self._exchange is not None:
                    self._exchange.disconnect()
                self._transport.close()

    def _begin(self, request: Request) -> None:
        head = request.head
        exchange = self._exchange = Exchange(self, head, request.body, is_whole=request.is_whole)
        path = head.path.decode("ascii")
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1" if head.is_1_1 else "1.0",
            "scheme": "http" if self._shared.tls is None else "https",
            "method": head.method,
            "path": unquote(path) if "%" in path else path,
            "raw_path": head.path,
            "query_string": head.query,
            "root_path": "",
            "headers": head.fields,
            "client": self._peer,
            "clientry.peer_certificate": self._peer_certificate,
        }
        self._is_one_too_many = self._is_one_too_many and self._shared.has_too_many
        self._shared.start(exchange, scope, overloaded=self._is_one_too_many)

    def _go_on(self, now: float) -> None:
        """Go on as the machine says: the answer was sent, and the client reads."""
        keep_alive, self._keep_alive = self._keep_alive, None
        event = self.machine.answered(now, keep_alive=bool(keep_alive))
        match self.machine.state:
            case State.CLOSING:
                self._transport.close()
            case State.DROPPING if event is None:
                self._read_no_more()
            case _:
                self.read_on()
        if event is not None:
            self._handle(event)
            if self.machine.is_full:
                self._pause_reading()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what never became a request, or what became none that can be read to its end, and end."""
        if self._exchange is not None and self._exchange.is_answered:
            return  # the whole answer is on its way, and says that it is the last
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.disconnect()
            if exchange.has_begun:
                self.abort()
                return
        _log.info(
            "refused before it was a request", address=self._address, status=refusal.status, reason=refusal.reason
        )
        headers, body = self._shared.limits.refusal(refusal.status, refusal.reason, refusal.path)
        lines = [STATUS_LINES[refusal.status], self._shared.date(), *[b": ".join(header) for header in headers]]
        head = b"%b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (b"\r\n".join(lines), len(body))
        self._transport.write(head + body)
        if self.machine.state is State.CLOSING:
            self._transport.close()
        else:
            self._read_no_more()

    def _read_no_more(self) -> None:
        """Say that nothing more is sent, and let the client read; what it still sends is dropped."""
        self.read_on()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    @property
    def _address(self) -> str:
        return str(self._peer[0]) if self._peer else ""

    def _peer_certificate(self) -> bytes | None:
        """Return the client's certificate in DER, None where there is none."""
        tls: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return None if tls is None else tls.getpeercert(binary_form=True)
