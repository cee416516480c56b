"""Thousands of connections that are held open until the server ends them, and somebody who asks meanwhile."""

import contextlib
import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from bench import servers
from bench.held import PATIENCE, Kind, connect

TOGETHER: Final = 250
"""Connections that are opened before the server is asked whether it has kept up."""
PORTS: Final = 20_000
"""Connections that come from one address."""
LOOK: Final = 0.1
"""Seconds between two looks at what the server still has open."""

_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Held(Struct):
    """Connections in one state, and when each came into it.

    Attributes:
        sockets: by file descriptor.
        since: when the client had sent the last of what it sends.
    """

    sockets: dict[int, socket.socket]
    since: dict[int, float]


@contextmanager
def hold(kind: Kind, number: int, url: str, sources: str, tls: ssl.SSLContext | None) -> Generator[Held]:
    """Bring so many connections into a state; they are closed in the end.

    Args:
        kind: the state.
        number: how many.
        url: of the server.
        sources: the first three numbers of the addresses that they come from.
        tls: how they are secured, None: not at all.
    """
    address = urlsplit(url)
    server = (address.hostname or "", address.port or 0)
    pacer = connection(url, tls)
    held = Held({}, {})
    try:
        for count in range(number):
            if count % TOGETHER == 0:
                pacer.request("GET", "/healthz")
                pacer.getresponse().read()
            opened = connect(kind, server, f"{sources}.{1 + count // PORTS}", tls)
            held.sockets[opened.fileno()] = opened
            held.since[opened.fileno()] = time.monotonic()
        for descriptor, opened in held.sockets.items():
            if kind.sent:
                opened.sendall(kind.sent)
                held.since[descriptor] = time.monotonic()
            opened.setblocking(False)
        yield held
    finally:
        pacer.close()
        for opened in held.sockets.values():
            opened.close()


def connection(url: str, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """Return a connection to a server."""
    address = urlsplit(url)
    if tls is None:
        return http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)
    return http.client.HTTPSConnection(address.hostname or "", address.port, timeout=PATIENCE, context=tls)


class Ends(Struct, frozen=True):
    """How connections ended.

    Attributes:
        lateness: seconds after its deadline at which each that was ended by the server was seen to be.
        kept: how many were not, within the time that was given.
        freed: seconds after the last deadline at which the server had closed its side of all; None: it had not.
    """

    lateness: Sequence[float]
    kept: int
    freed: float | None


def wait_for_ends(held: Held, kind: Kind, deadline: float, grace: float, open_in_server: Callable[[], bool]) -> Ends:
    """Wait until the server has ended all; nothing is sent any more, and no end is answered.

    Args:
        held: the connections.
        kind: their state.
        deadline: seconds that the server may leave one in it.
        grace: seconds to wait for longer than that.
        open_in_server: tells whether the server has any of them open.
    """
    last = max(held.since.values()) + deadline
    lateness: list[float] = []
    freed: float | None = None
    with contextlib.closing(select.epoll()) as watched:
        for descriptor in held.sockets:
            watched.register(descriptor, _ENDED | (select.EPOLLIN if kind.reads else 0))
        look = 0.0
        most = len(held.sockets) if kind.reads else 0
        while (now := time.monotonic()) < last + grace and (freed is None or len(lateness) < most):
            if now >= look:
                freed = None if open_in_server() else freed or max(0.0, now - last)
                look = now + LOOK
            for descriptor, event in watched.poll(LOOK, 1024):
                if kind.reads and not _has_ended(held.sockets[descriptor]) and not event & select.EPOLLHUP:
                    continue
                lateness.append(time.monotonic() - held.since[descriptor] - deadline)
                watched.unregister(descriptor)
    return Ends(lateness, len(held.sockets) - len(lateness), freed)


def _has_ended(opened: socket.socket) -> bool:
    """Read what has come, and tell whether that was the end."""
    try:
        while opened.recv(65_536):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open; Linux."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


class Service(Struct):
    """What others got meanwhile: how many tokens, the seconds of the slowest, and what went wrong."""

    tokens: int = 0
    slowest: float = 0.0
    failed: int = 0


@contextmanager
def asking(url: str, form: str, tls: ssl.SSLContext | None) -> Generator[Service]:
    """Take a token over a new connection, again and again."""
    found, end = Service(), threading.Event()

    def ask() -> None:
        while not end.wait(LOOK):
            began = time.monotonic()
            asked = connection(url, tls)
            try:
                headers = {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"}
                asked.request("POST", servers.TOKEN, form, headers)
                status = asked.getresponse().status
            except (OSError, http.client.HTTPException):
                status = 0
            finally:
                asked.close()
            found.tokens += status == 200
            found.failed += status != 200
            found.slowest = max(found.slowest, time.monotonic() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join()
