"""The head of a request, read strictly (RFC 9112 sections 2 to 6): whatever can be read in two ways is refused.

A server that forgives what a proxy in front of it understands differently answers requests that the proxy never saw.
"""

import re
from typing import Final, NoReturn

from msgspec import Struct

SLASH: Final = 0x2F
MAX_LENGTH_DIGITS: Final = 18
"""Digits of a Content-Length: what is longer is no length of anything."""

_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_VALUE: Final = b"\t " + _VISIBLE + bytes(range(0x80, 0x100))
_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
# RFC 3986 section 3.2.2: a name or an address, and perhaps a port.
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.IGNORECASE | re.DOTALL)
_NOTHING_YET: Final = (b"", b"\r")
_UNENDED = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\0")
_BEGINNING = re.compile(rb"[!-~]++(?: [!-~]*+(?: [!-~]*+)?)?(?:\r.*+)?", re.DOTALL)
_ONCE: Final = (b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type")

Fields = list[tuple[bytes, bytes]]


class Refused(Exception):
    """What was received is no request, or none that is answered; the connection ends.

    Attributes:
        status: the HTTP status to say so with.
        reason: a sentence for whoever sent it; nothing of what was sent is in it.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Head(Struct, frozen=True):
    """The head of a request.

    Attributes:
        method: e.g. `GET`.
        path: as it was sent, without the query; `*` for OPTIONS of the whole server.
        query: without its question mark, empty where there is none.
        is_1_1: the version is HTTP/1.1; else it is HTTP/1.0.
        fields: the header fields with names in lower case.
        length: bytes of the body, None: it comes in chunks.
        keep_alive: the client wants to go on after the answer.
        expects_continue: the client sends the body when it is told to.
    """

    method: str
    path: bytes
    query: bytes
    is_1_1: bool
    fields: Fields
    length: int | None
    keep_alive: bool
    expects_continue: bool


def read_head(received: bytes) -> Head:
    """Read a head.

    Args:
        received: from the request line to the last field, without its line end and the empty line behind.

    Raises:
        Refused: it is not a head that can be read in one way only.
    """
    first, *lines = received.split(b"\r\n")
    line = first.split(b" ")
    if len(line) != 3 or not line[1] or line[1].translate(None, _VISIBLE):
        raise Refused("The request line is not 'METHOD target HTTP/1.1'.")
    method, target, version = line
    is_1_1 = version == b"HTTP/1.1"
    if not is_1_1 and version != b"HTTP/1.0":
        raise Refused("Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    fields, framing = _read_fields(lines)
    host = framing.get(b"host")
    if host is None:
        if is_1_1:
            raise Refused("A Host header field is needed.")
    elif _HOST.fullmatch(host) is None:
        raise Refused("The Host header field is not a host.")
    if target[0] != SLASH or b"#" in target or method == b"CONNECT":
        target = _unusual(method, target, host)
    path, _, query = target.partition(b"?")
    return Head(
        _METHODS.get(method) or _token(method),
        path,
        query,
        is_1_1,
        fields,
        _length(framing, is_1_1=is_1_1),
        _keep_alive(framing.get(b"connection"), is_1_1=is_1_1),
        b"expect" in framing and _expects_continue(framing[b"expect"], is_1_1=is_1_1),
    )


def check_beginning(received: bytes, start: int, scanned: int) -> None:
    """Refuse at once what cannot become a head, instead of waiting for the rest of it.

    Args:
        received: holds the beginning of a head,
        start: from here on;
        scanned: up to here it was checked before.

    Raises:
        Refused: it cannot become a head.
    """
    if _UNENDED.search(received, scanned) is not None:
        raise Refused("A line of the head does not end with CR LF.")
    is_in_first_line = received.find(b"\r", start, scanned) < 0
    if is_in_first_line and received[start:] not in _NOTHING_YET and _BEGINNING.fullmatch(received, start) is None:
        raise Refused("This is not an HTTP request.")


def path_of(received: bytes) -> bytes:
    """Return the path that a refused head is for, as far as its request line can be read; else nothing."""
    line, line_end, _ = received.removeprefix(b"\r\n").partition(b"\r\n")
    words = line.split(b" ")
    if not line_end or len(words) != 3 or not all(words) or line.translate(None, _VISIBLE) != b"  ":
        return b""
    absolute = _ABSOLUTE.fullmatch(words[1])
    return (words[1] if absolute is None else absolute[2]).partition(b"?")[0]


def check_fields(received: bytes) -> None:
    """Check the trailer fields of a body; their values are nobody's (RFC 9110 section 6.5.1).

    Args:
        received: the fields, without the line end of the last one.

    Raises:
        Refused: one is malformed.
    """
    _split(received.split(b"\r\n"))


def _split(lines: list[bytes]) -> Fields:
    """Return fields with names in lower case."""
    parts = [line.partition(b":") for line in lines]
    # Three passes of the interpreter's own over all of them, instead of a few over each.
    names = b"".join([name for name, _, _ in parts])
    colons = b"".join([colon for _, colon, _ in parts])
    fields = [(name.lower(), value.strip(b" \t")) for name, _, value in parts]
    if (
        names.translate(None, _TOKEN)
        or len(colons) != len(parts)
        or b"".join(lines).translate(None, _VALUE)
        or any(not name for name, _, _ in parts)
    ):
        raise Refused("A header field is malformed: 'Name: value' on one line, without control characters, is needed.")
    return fields


def _read_fields(lines: list[bytes]) -> tuple[Fields, dict[bytes, bytes]]:
    """Return the fields in their order, and by name; of those that came more than once all values, joined."""
    fields = _split(lines)
    by_name = dict(fields)
    if len(by_name) != len(fields):
        by_name = {}
        for name, value in fields:
            if name in by_name and name in _ONCE:
                raise Refused(f"There is more than one {name.decode().title()} header field.")
            by_name[name] = b"%b,%b" % (by_name[name], value) if name in by_name else value
    return fields, by_name


def _token(method: bytes) -> str:
    if not method or method.translate(None, _TOKEN):
        raise Refused("The request line is not 'METHOD target HTTP/1.1'.")
    return method.decode()


def _unusual(method: bytes, target: bytes, host: bytes | None) -> bytes:
    """Return the target in the form that starts with a slash (RFC 9112 section 3.2)."""
    if b"#" in target:
        raise Refused("The request target has a fragment.")
    if method == b"CONNECT":
        raise Refused("This server is no proxy: there is no CONNECT.")
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refused("The request target is no path.")
    authority, rest = absolute.groups()
    if host is not None and authority.lower() != host.lower():
        raise Refused("The request target and the Host header field name different hosts.")
    if not authority or _HOST.fullmatch(authority) is None:
        raise Refused("The request target names no host.")
    return rest if rest.startswith(b"/") else b"/" + rest


def _length(framing: dict[bytes, bytes], *, is_1_1: bool) -> int | None:
    """Return how long the body is, None: it comes in chunks (RFC 9112 section 6)."""
    encoding = framing.get(b"transfer-encoding")
    length = framing.get(b"content-length")
    if encoding is not None:
        if not is_1_1:
            raise Refused("HTTP/1.0 has no Transfer-Encoding.")
        if length is not None:
            raise Refused("Transfer-Encoding and Content-Length exclude each other.")
        if encoding.lower() != b"chunked":
            raise Refused("The only Transfer-Encoding of a request is chunked.")
        return None
    if length is None:
        return 0
    if not length.isdigit() or len(length) > MAX_LENGTH_DIGITS:
        raise Refused("Content-Length is not a number of bytes.")
    return int(length)


def _keep_alive(connection: bytes | None, *, is_1_1: bool) -> bool:
    if connection is None:
        return is_1_1
    options = {option.strip(b" \t") for option in connection.lower().split(b",")}
    return b"close" not in options and (is_1_1 or b"keep-alive" in options)


def _expects_continue(expectation: bytes, *, is_1_1: bool) -> bool:
    """Tell whether the client waits for `100 Continue` (RFC 9110 section 10.1.1)."""
    if expectation.lower() != b"100-continue":
        _expectation_failed()
    return is_1_1


def _expectation_failed() -> NoReturn:
    raise Refused("The only expectation that is met here is 100-continue.", 417)
