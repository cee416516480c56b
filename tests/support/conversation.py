"""A conversation in raw bytes: what is sent is sent as it is, and what comes back is read strictly, answer by answer."""

import contextlib
import re
import socket
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

PATIENCE = 5.0
"""Seconds that an answer, or the end of a connection, is waited for."""

_STATUS_LINE = re.compile(rb"HTTP/1\.1 [2-5]\d\d |HTTP/1\.1 10[01] ")


class Malformed(Exception):
    """The server sent what is no answer."""


class Answer(NamedTuple):
    """One answer. `fields`: by their names in lower case; of several of one name, the last."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes


class Answers:
    """Reads answers out of bytes. `heads`: which of them, from 0 and without interim ones, are to HEAD."""

    def __init__(self, heads: Sequence[int] = ()) -> None:
        self._heads = heads
        self._rest = b""
        self._final = 0
        self.read: list[Answer] = []

    def feed(self, data: bytes, *, at_end: bool = False) -> None:
        """Take what came; at the end of the connection nothing may be left."""
        self._rest += data
        while self._rest:
            head, separator, body = self._rest.partition(b"\r\n\r\n")
            if not separator:
                break
            answer, rest = self._one(head, body, at_end=at_end)
            if answer is None:
                break
            self._rest = rest
            self.read.append(answer)
            self._final += answer.status >= 200
        if at_end and self._rest:
            raise Malformed(f"after {len(self.read)} answers: {self._rest[:200]!r}")

    def _one(self, head: bytes, body: bytes, *, at_end: bool) -> tuple[Answer | None, bytes]:
        status, fields = read_head(head)
        if status < 200 or status in (204, 304) or self._final in self._heads:
            return Answer(status, fields, b""), body
        if b"transfer-encoding" in fields:
            whole, rest = _joined(body)
        elif b"content-length" in fields:
            size = int(fields[b"content-length"])
            whole, rest = (body[:size], body[size:]) if len(body) >= size else (None, b"")
        else:
            whole, rest = (body, b"") if at_end else (None, b"")
        return (None, b"") if whole is None else (Answer(status, fields, whole), rest)


def read_head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    """Return status and fields of an answer's head; a field that stands twice is malformed where it counts."""
    line, *lines = head.split(b"\r\n")
    if _STATUS_LINE.match(line) is None or b"\n" in head.replace(b"\r\n", b""):
        raise Malformed(f"{head!r}")
    status = line[9:12]
    fields: dict[bytes, bytes] = {}
    for name, _, value in (one.partition(b":") for one in lines):
        key = name.lower()
        if key in fields and key in (b"content-length", b"transfer-encoding", b"connection"):
            raise Malformed(f"{key!r} twice: {head!r}")
        fields[key] = value.strip()
    if b"content-length" in fields and b"transfer-encoding" in fields:
        raise Malformed(f"two lengths: {head!r}")
    return int(status), fields


def _joined(body: bytes) -> tuple[bytes | None, bytes]:
    joined = b""
    while True:
        line, separator, body = body.partition(b"\r\n")
        size = int(line, 16) if separator else 0
        if not separator or len(body) < size + 2:
            return None, b""
        joined, end, body = joined + body[:size], body[size : size + 2], body[size + 2 :]
        if end != b"\r\n":
            raise Malformed(f"chunk of {size} ends with {end!r}")
        if size == 0:
            return joined, body


class Conversation:
    """A connection to a server.

    Args:
        url: where it is.
        heads: which answers, from 0, are to HEAD.
        patience: seconds that an answer, or the end, is waited for.
    """

    def __init__(self, url: str, heads: Sequence[int] = (), patience: float = PATIENCE) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = Answers(heads)
        self._ended = False

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def answers(self) -> list[Answer]:
        """The answers until now, interim ones among them."""
        return self._answers.read

    @property
    def statuses(self) -> tuple[int, ...]:
        """The status codes until now, without 100."""
        return tuple(answer.status for answer in self.answers if answer.status != 100)

    def send(self, parts: Iterable[bytes], pause: float = 0.0) -> None:
        """Send parts, `pause` seconds apart; it does not matter if the server has closed meanwhile."""
        with contextlib.suppress(ConnectionError):
            for part in parts:
                self._socket.sendall(part)
                if pause:
                    time.sleep(pause)

    def read(self, count: int) -> bool:
        """Read until there are so many answers without 100, and tell whether that came before the end."""
        while len(self.statuses) < count and not self._ended:
            self.read_some()
        return not self._ended

    def read_to_the_end(self) -> bool:
        """Read until the server closes, and tell whether it did in time."""
        while not self._ended:
            try:
                self.read_some()
            except TimeoutError:
                return False
        return True

    def read_some(self) -> None:
        """Read what comes next."""
        try:
            data = self._socket.recv(65_536)
        except ConnectionError:
            data = b""
        self._ended = not data
        self._answers.feed(data, at_end=self._ended)
