"""A TCP proxy that misbehaves on demand: between a node and its database, or between a client and its node."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from enum import Enum
from types import TracebackType

COMMIT = b"COMMIT\0"
"""How a commit ends on PostgreSQL's wire."""


class Mode(Enum):
    """What happens to connections."""

    PASS = "pass"
    REFUSE = "refuse"
    BLACK_HOLE = "black hole"


class Proxy:
    """Passes bytes on to a port of loopback. `port`: where it listens; `delay`: seconds before each part is passed on.

    With a `tls` context it offers TLS as PostgreSQL does, whose wheel cannot.
    """

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self._target = target
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._mode = Mode.PASS
        self._closing = asyncio.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listening.getsockname()[1]
        self.delay = 0.0
        self.drops_commits = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(5)
        self._listening.close()

    def become(self, mode: Mode) -> None:
        """Change what happens; connections that are open end when new ones are refused."""
        self._mode = mode
        if mode is Mode.REFUSE:
            self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        done = threading.Event()

        def reset() -> None:
            for writer in self._writers:
                _reset(writer)
            done.set()

        self._loop.call_soon_threadsafe(reset)
        done.wait(5)

    def close_halves(self) -> None:
        """Say on every connection that no more will be sent, and go on reading."""

        def half() -> None:
            for writer in self._writers:
                with contextlib.suppress(OSError):
                    writer.write_eof()

        self._loop.call_soon_threadsafe(half)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve, sock=self._listening)
        await self._closing.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode is Mode.REFUSE:
            _reset(writer)
            return
        if self._tls is not None:
            await reader.readexactly(8)  # the request for TLS
            writer.write(b"S")
            with contextlib.suppress(OSError):
                await writer.start_tls(self._tls)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            return
        both = {writer, back}
        self._writers |= both
        try:
            mute = asyncio.Event()
            await asyncio.gather(self._pump(reader, back, mute), self._answer(there, writer, mute))
        finally:
            self._writers -= both
            for one in both:
                one.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, mute: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while part := await source.read(65536):
                if self.drops_commits and COMMIT in part:
                    mute.set()
                await self._pass_on(part, sink)
            _end(sink)

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, mute: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while part := await source.read(65536):
                if mute.is_set():  # the commit has been answered, and nobody will hear of it
                    _reset(sink)
                    return
                await self._pass_on(part, sink)
            _end(sink)

    async def _pass_on(self, part: bytes, sink: asyncio.StreamWriter) -> None:
        if self._mode is Mode.BLACK_HOLE:
            return
        if self.delay:
            await asyncio.sleep(self.delay)
        sink.write(part)
        await sink.drain()


def _end(sink: asyncio.StreamWriter) -> None:
    if sink.can_write_eof():
        sink.write_eof()
    else:
        sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection: the other side gets a reset, not an end."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
