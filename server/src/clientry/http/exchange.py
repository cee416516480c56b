"""One HTTP exchange as values: what came in, and what goes out.

Plain ASGI: on the token path, request and response objects of a framework cost more than the signature of the token.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final

from msgspec import Struct

from clientry.errors import BadRequest, PayloadTooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

MAX_BODY: Final = 65_536
"""Bytes of a request body."""

JSON: Final[Headers] = ((b"content-type", b"application/json"),)
NO_STORE: Final[Headers] = ((b"cache-control", b"no-store"),)


class AnswerInterrupted(Exception):
    """An answer that had begun could not be finished: all that is left is to break the connection."""


class Answer(Struct, frozen=True):
    """What goes out.

    Attributes:
        status: the HTTP status.
        headers: lower-case names; Content-Length is added to a body of bytes.
        body: the whole of it, or its parts as they come.
    """

    status: int
    headers: Headers = ()
    body: bytes | AsyncIterator[bytes] = b""

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it; to a HEAD request without the body."""
        if isinstance(self.body, bytes):
            length = () if self.status == 204 else ((b"content-length", str(len(self.body)).encode()),)
            await send({"type": "http.response.start", "status": self.status, "headers": [*self.headers, *length]})
            await send({"type": "http.response.body", "body": self.body})
            return
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        if scope["method"] != "HEAD":
            try:
                async for part in self.body:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            except Exception as cause:
                raise AnswerInterrupted from cause
        await send({"type": "http.response.body", "body": b""})


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Return every value of a header, whose name is given in lower case."""
    return [value for key, value in scope["headers"] if key == name]


class Disconnected(Exception):
    """The client has gone; there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive, within: float) -> bytes:
    """Return the whole request body.

    Args:
        scope: the request.
        receive: where its body comes from; it tells when that takes too long.
        within: seconds that it may take to arrive.

    Raises:
        PayloadTooLarge: it is larger than `MAX_BODY`, announced or not.
        BadRequest: it did not arrive in time.
        Disconnected: the client went away.
    """
    for value in header_values(scope, b"content-length"):
        if not value.isdigit() or int(value[:20]) > MAX_BODY:
            raise PayloadTooLarge(f"The body must not have more than {MAX_BODY} bytes.")
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            if message.get("clientry.late", False):
                raise BadRequest(f"The body did not arrive within {within:g} seconds.")
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise PayloadTooLarge(f"The body must not have more than {MAX_BODY} bytes.")
        if not message.get("more_body", False):
            return body
