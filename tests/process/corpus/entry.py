"""What an entry of the corpus is, and the words that entries are written in.

An entry is data: bytes as they go over the wire, what is right for them, and where that is written. Its bytes hold three
stand-ins of the same length as what the test puts there: `TAG`, a path of its own, by which the server's log is read, and the
id and secret of a client. `TOKEN` is replaced by an access token; it stands in header fields only, where lengths do not matter.
"""

from typing import Final, NamedTuple

MUST: Final = "MUST"
SHOULD: Final = "SHOULD"
STRICT: Final = "the RFC leaves a choice, and this is its strict side"

TAG: Final = b"t0000000"
CLIENT_ID: Final = b"apiclient_00000000000000000000000000"
CLIENT_SECRET: Final = b"cs_0000000000000000000000000000000000000000000000000"
TOKEN: Final = b"{token}"

CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
FORM: Final = b"grant_type=client_credentials&client_id=%b&client_secret=%b" % (CLIENT_ID, CLIENT_SECRET)
"""The body of a right token request: it is answered with 200 only when the application saw exactly these bytes."""
HIDDEN: Final = b"GET /%b/hidden HTTP/1.1\r\nHost: x\r\n\r\n" % TAG
"""A request that stands where a body does: nobody may ever see it as a request."""


class Entry(NamedTuple):
    """Some bytes, and what is right.

    Attributes:
        name: what it is called in test ids; unique.
        section: of RFC 9110 or 9112 where it says so.
        level: how strongly it says so.
        sentence: what is proved.
        raw: what is sent.
        answers: the status codes of the answers in order, but 100; several, where the RFC allows several.
        closed: whether the server closes the connection afterwards.
        seen: method and path of the requests with `TAG` in their path that the application saw, in order.
        heads: which answers, from 0, are to HEAD and so without a body.
        unread: the application answers without waiting for a body: the server may close the connection after that answer, and
            the application may not have seen what came behind it.
    """

    name: str
    section: str
    level: str
    sentence: str
    raw: bytes
    answers: tuple[int | tuple[int, ...], ...] = (400,)
    closed: bool = True
    seen: tuple[str, ...] = ()
    heads: tuple[int, ...] = ()
    unread: bool = False


def get(fields: bytes = b"", target: bytes = b"/" + TAG, version: bytes = b"HTTP/1.1", method: bytes = b"GET") -> bytes:
    """Return a request without a body; `fields` are lines with their ends, after Host."""
    return b"%b %b %b\r\nHost: x\r\n%b\r\n" % (method, target, version, fields)


def post(fields: bytes, body: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    """Return a token request with these fields and this body as they are: nothing is counted."""
    return (
        b"POST /api-services/v1/auth/token %b\r\nHost: x\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n%b\r\n%b" % (version, fields, body)
    )


def length(body: bytes) -> bytes:
    """Return the Content-Length of a body."""
    return b"Content-Length: %d\r\n" % len(body)


def chunk(body: bytes) -> bytes:
    """Return a body as one chunk, without the last one."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def in_chunks(body: bytes) -> bytes:
    """Return a body as one chunk and the end."""
    return chunk(body) + b"0\r\n\r\n"


def seen(*requests: str) -> tuple[str, ...]:
    """Return requests as the log shows them: of `GET` the one for the tag alone, of `GET /a` one below it."""
    return tuple(f"{method} /{TAG.decode()}{below}" for method, _, below in (one.partition(" ") for one in requests))
