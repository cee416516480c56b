"""TLS: a connection counts and its time runs from accept on, and what is inside can see who is at the other end."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from clientry.clock import SystemClock
from clientry.process.certificate import Certificate
from clientry.process.shared import App, Limits, Shared
from clientry.process.states import Times
from clientry.process.tls import TlsDoor

pytestmark = pytest.mark.anyio
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run on the event loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


class Application:
    """Answers 200, and keeps what it was asked."""

    def __init__(self) -> None:
        self.certificates: list[bytes | None] = []
        self.schemes: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.schemes.append(scope["scheme"])
        self.certificates.append(scope["clientry.peer_certificate"]())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def door(application: App, served: Certificate, max_connections: int = 10) -> AsyncGenerator[tuple[Shared, int]]:
    times = Times(header=1, body=1, keep_alive=1)
    limits = Limits(times, max_connections, lambda status, reason, path: ((), reason.encode()))
    shared = Shared(application, limits, SystemClock(), served)
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    opened = TlsDoor(shared, served, taken)
    try:
        yield shared, port
    finally:
        opened.close()


def trusting(certificate: Path, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    if own is not None:
        context.load_cert_chain(*own)
    return context


def asked(port: int, context: ssl.SSLContext) -> bytes:
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
        connection.sendall(REQUEST)
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


async def test_c04_what_is_inside_sees_the_certificate_of_the_client(certificate: tuple[Path, Path]) -> None:
    """The application is handed the client's certificate in DER, and None of a client that shows none."""
    served = Certificate(*certificate)
    served.context.verify_mode = ssl.CERT_OPTIONAL
    served.context.load_verify_locations(certificate[0])
    application = Application()
    async with door(application, served) as (_, port):
        for own in (certificate, None):
            answer = await asyncio.to_thread(asked, port, trusting(certificate[0], own))
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert application.certificates == [ssl.PEM_cert_to_DER_cert(certificate[0].read_text()), None]
    assert application.schemes == ["https", "https"]


async def test_a_handshake_has_the_time_of_a_head_and_counts_from_accept_on(certificate: tuple[Path, Path]) -> None:
    """Silent handshakes count as connections, and are ended after the time that a head has."""
    async with door(Application(), Certificate(*certificate)) as (shared, port):
        silent = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(5)]
        await asyncio.sleep(0.2)
        assert len(shared.connections) == 5
        started = time.monotonic()
        for connection in silent:
            with connection:
                assert await asyncio.to_thread(connection.recv, 1) == b""
        assert time.monotonic() - started < 2
        await asyncio.sleep(0.1)
        assert not shared.connections


async def test_handshakes_beyond_the_crowd_are_broken_off(certificate: tuple[Path, Path]) -> None:
    """Of endless silent handshakes no more are held than twice the connections that are served."""
    async with door(Application(), Certificate(*certificate), max_connections=3) as (shared, port):
        many = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(20)]
        await asyncio.sleep(0.3)
        assert len(shared.connections) == 6
        for connection in many:
            connection.close()
        await asyncio.sleep(0.3)
        assert not shared.connections


async def test_what_is_no_handshake_leaves_nothing(certificate: tuple[Path, Path]) -> None:
    """Plain HTTP to a port of TLS is broken off and forgotten, and the next client is served."""
    async with door(Application(), Certificate(*certificate)) as (shared, port):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            plain.sendall(REQUEST)
            with contextlib.suppress(ConnectionResetError):
                while await asyncio.to_thread(plain.recv, 100):
                    pass
        await asyncio.sleep(0.1)
        assert not shared.connections
        assert (await asyncio.to_thread(asked, port, trusting(certificate[0]))).startswith(b"HTTP/1.1 200 OK\r\n")


async def reading(scope: Any, receive: Any, send: Any) -> None:
    """Answer when nothing more of the body comes."""
    while (await receive())["type"] != "http.disconnect":
        pass
    await send({"type": "http.response.start", "status": 400, "headers": []})
    await send({"type": "http.response.body", "body": b"late"})


async def test_p04_half_a_body_over_tls_is_refused_in_its_time(certificate: tuple[Path, Path]) -> None:
    """A connection with TLS that is answered nothing yet is not taken for one whose client does not read."""
    async with door(reading, Certificate(*certificate)) as (_, port):

        def half() -> bytes:
            raw = socket.create_connection(("127.0.0.1", port), timeout=5)
            with trusting(certificate[0]).wrap_socket(raw, server_hostname="127.0.0.1") as connection:
                connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf")
                return connection.recv(65_536)

        assert (await asyncio.to_thread(half)).startswith(b"HTTP/1.1 400 ")
