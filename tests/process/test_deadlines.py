"""The deadlines of a connection, seen from outside: every state that a client can hold open, on a real server."""

import select
import socket
import time
from urllib.parse import urlsplit

import pytest
from tests.conftest import StartServer
from tests.support.server import Server
from tests.support.wire import send

ASKED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
FORM = b"POST /api-services/v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
HELD = {
    "new": b"",
    "a blank line": b"\r\n",
    "half a head": b"GET /healthz HT",
    "half a body": FORM + b"Content-Length: 50\r\n\r\ngrant_type",
    "half a chunk": FORM + b"Transfer-Encoding: chunked\r\n\r\n5\r\ngr",
    "half the trailers": FORM + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Tra",
    "kept": ASKED,
    "kept, and a blank line": ASKED + b"\r\n",
    "kept, and half a head": ASKED + b"GET /heal",
    "kept, and half a body": ASKED + FORM + b"Content-Length: 50\r\n\r\ngrant_type",
    "answered before its body": b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf",
    "refused": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
}
LONGEST = 1 + 2 + 1
"""Seconds of the longest of these: a body's time, then the time to read the refusal; and one more."""


@pytest.fixture
def impatient(start_server: StartServer) -> Server:
    """Give a server whose times are a second each."""
    return start_server(env={"CLIENTRY_HEADER_TIMEOUT": "1", "CLIENTRY_BODY_TIMEOUT": "1", "CLIENTRY_KEEP_ALIVE": "1"})


@pytest.mark.parametrize("dripping", [False, True], ids=["silence", "a byte now and then"])
def test_p04_no_state_of_a_connection_outlasts_its_deadline(impatient: Server, *, dripping: bool) -> None:
    """Whatever a client has sent, when it goes silent, or goes on byte by byte, the server closes; others are served meanwhile."""
    address = urlsplit(impatient.url)
    open_ones: dict[socket.socket, str] = {}
    for name, sent in HELD.items():
        connection = socket.create_connection((address.hostname, address.port), timeout=10)
        connection.sendall(sent)
        open_ones[connection] = name
    started = time.monotonic()
    while open_ones and time.monotonic() - started < LONGEST + 1:
        readable, _, _ = select.select(list(open_ones), [], [], 0.2)
        for connection in readable:
            if not _alive(connection):
                connection.close()
                del open_ones[connection]
        for connection in open_ones if dripping else ():
            _drip(connection)
        assert send(impatient.url, "GET", "/healthz").status == 200
    assert not open_ones, f"still open after {time.monotonic() - started:.1f} s: {sorted(open_ones.values())}"


def _alive(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(65_536))
    except OSError:
        return False


def _drip(connection: socket.socket) -> None:
    try:
        connection.send(b"x")
    except OSError:
        return
