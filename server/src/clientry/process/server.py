"""One server process: it takes its socket, serves, and ends in order.

The first SIGTERM or SIGINT drains: listening stops, idle connections are closed, requests under way are answered, and the process
ends with exit code 0. A second one ends it at once, with exit code 1.
"""

import asyncio
import contextlib
import errno
import functools
import gc
import signal
import socket
import ssl
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import Any, cast

import uvicorn
from msgspec import Struct

from clientry.errors import ConfigurationError
from clientry.process.protocol import BoundedProtocol, Limits, Shared


class Listener(Struct, frozen=True):
    """How to listen on a socket.

    Attributes:
        tls_cert: a certificate chain in PEM, None: plain HTTP.
        tls_key: its private key in PEM.
        keep_alive: seconds that an idle connection stays open.
        drain_delay: seconds that everything goes on after the process was asked to end.
        drain_timeout: seconds that requests under way have to finish then.
        limits: what one client may take.
    """

    tls_cert: Path | None
    tls_key: Path | None
    keep_alive: int
    drain_delay: int
    drain_timeout: int
    limits: Limits


def bind(host: str, port: int) -> socket.socket:
    """Take a socket; its port is known from then on.

    Raises:
        ConfigurationError: the address is taken, forbidden or none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as problem:
        raise ConfigurationError(f"The host {host} is no address of this machine: {problem}.") from None
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(address)
    except OSError as problem:
        taken.close()
        raise ConfigurationError(_why_not(problem, host, port)) from None
    taken.set_inheritable(True)
    return taken


def _why_not(problem: OSError, host: str, port: int) -> str:
    match problem.errno:
        case errno.EADDRINUSE:
            return f"The port {port} of {host} is taken. Choose another one with --port, or 0 for any free one."
        case errno.EACCES:
            return f"The port {port} may not be used by this user. Choose one above 1023 with --port."
        case _:
            return f"{host} port {port} cannot be listened on: {problem.strerror}."


class Signs(Struct, frozen=True):
    """What a server process tells others.

    Attributes:
        on_serving: called once, when requests are taken.
        on_draining: called once, when the process is asked to end.
    """

    on_serving: Callable[[], None]
    on_draining: Callable[[], None]


async def run(
    app: Any, listener: Listener, taken: socket.socket, signs: Signs, lifeline: socket.socket | None = None
) -> int:
    """Serve until a signal comes, and return the exit code.

    Args:
        app: the ASGI application.
        listener: how to listen.
        taken: the socket, from `bind`.
        signs: what to tell others.
        lifeline: when its other end is closed, that is as if a signal had come.

    Raises:
        ConfigurationError: certificate and key cannot be read, or do not belong together.
    """
    shared = Shared()
    config = uvicorn.Config(
        app,
        http=cast("Any", functools.partial(BoundedProtocol, listener.limits, shared)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=listener.keep_alive,
        timeout_graceful_shutdown=listener.drain_timeout,
        ssl_certfile=listener.tls_cert,
        ssl_keyfile=listener.tls_key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as problem:
        raise ConfigurationError(f"The TLS certificate and key cannot be used: {problem}.") from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    # What is there now stays: without this every full collection walks it all, and requests wait 20 ms for it.
    gc.collect()
    gc.freeze()
    server = _Server(config, signs, shared, listener.drain_delay)
    if lifeline is not None:
        asyncio.get_running_loop().add_reader(lifeline, server.let_go, lifeline)
    await server.serve([taken])
    return int(server.force_exit)


class _Server(uvicorn.Server):
    """Ends with the exit code of its own choice: uvicorn raises the signal again, which makes it 143."""

    def __init__(self, config: uvicorn.Config, signs: Signs, shared: Shared, drain_delay: int) -> None:
        super().__init__(config)
        self._signs = signs
        self._shared = shared
        self._drain_delay = drain_delay
        self._asked = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._signs.on_serving()

    def let_go(self, lifeline: socket.socket) -> None:
        """End as after a signal, because the process that watched over this one is gone."""
        asyncio.get_running_loop().remove_reader(lifeline)
        self.handle_exit(signal.SIGTERM, None)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle signals while serving."""
        watched = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in watched}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, end at the second."""
        if self._asked:
            self.should_exit = self.force_exit = True
            return
        self._asked = True
        self._shared.ending = True
        self._signs.on_draining()
        if self._drain_delay and sig == signal.SIGTERM:
            loop = asyncio.get_running_loop()
            loop.call_soon_threadsafe(loop.call_later, self._drain_delay, self._drain)
        else:
            self._drain()

    def _drain(self) -> None:
        self.should_exit = True
