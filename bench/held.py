"""Connections that stay in one state: how a client brings one there, and for how long a server may let it."""

import socket
import ssl
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from bench import servers
from clientry.process.states import WRITE_TIME, Times

GET: Final = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LONG_ANSWER: Final = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HALF_HEAD: Final = b"GET /v1/ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
POST: Final = (
    f"POST {servers.TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n"
).encode()
HALF_BODY: Final = b"grant_type=client_credentials&client_id="

SMALL_BUFFER: Final = 2304
"""Bytes that the system keeps at least for who does not read."""
SMALL_SEGMENT: Final = 536
"""Bytes of a packet: where they are small, the server's system keeps little for who does not read, and the server must."""
PATIENCE: Final = 10.0
"""Seconds that an answer may take before it is an outage."""


class Kind(Struct, frozen=True):
    """A state of a connection, seen from its client.

    Attributes:
        name: what it is.
        deadline: seconds until the server has to end it.
        used: one request was answered before.
        sent: what is sent then.
        reads: what comes is read.
        shakes_hands: TLS is agreed on, where there is TLS.
        allowed: bytes that the server may keep of what was asked and answered.
    """

    name: str
    deadline: Callable[[Times], float]
    used: bool = False
    sent: bytes = b""
    reads: bool = True
    shakes_hands: bool = True
    allowed: int = 0


KINDS: Final = (
    Kind("new, silent", lambda times: times.header),
    Kind("half a head", lambda times: times.header, sent=HALF_HEAD, allowed=len(HALF_HEAD)),
    Kind("half a body", lambda times: times.body, sent=POST + HALF_BODY, allowed=len(POST + HALF_BODY)),
    Kind("kept after an answer", lambda times: times.keep_alive, used=True),
    Kind("a blank line after an answer", lambda times: times.header, used=True, sent=b"\r\n"),
    Kind("half a head after an answer", lambda times: times.header, used=True, sent=HALF_HEAD, allowed=len(HALF_HEAD)),
    Kind("an answer not read", lambda _: WRITE_TIME, sent=LONG_ANSWER, reads=False, allowed=165_000),
)
ONLY_TLS: Final = Kind("TLS not begun", lambda times: times.header, shakes_hands=False)


def connect(kind: Kind, address: tuple[str, int], source: str, tls: ssl.SSLContext | None) -> socket.socket:
    """Open a connection, and have its first request answered where it is a used one.

    Args:
        kind: what it is for.
        address: of the server.
        source: the address of this machine that it comes from: each has some 28,000 ports to one server.
        tls: how to secure it, None: not at all.
    """
    opened = socket.socket()
    opened.settimeout(PATIENCE)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
    if not kind.reads:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
    opened.bind((source, 0))
    opened.connect(address)
    if tls is not None and kind.shakes_hands:
        opened = tls.wrap_socket(opened, server_hostname=address[0])
    if kind.used:
        opened.sendall(GET)
        answer = opened.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"the first answer was {answer[:40]!r}")
    return opened
