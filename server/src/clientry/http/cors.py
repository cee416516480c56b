"""Cross-origin access (contract, ruling 14): the published document's four headers on every answer, errors included."""

from collections.abc import Awaitable, Collection
from typing import Final

from msgspec import Struct

from clientry.http.exchange import App, Headers, Message, Receive, Scope, Send, header_values

_METHODS: Final = b"GET, HEAD, POST, PATCH, DELETE, OPTIONS"
_ALLOWED: Final = b"Authorization, Content-Type, Idempotency-Key, If-Match"
_EXPOSED: Final = b"ETag, Idempotency-Replayed, Location, Retry-After, WWW-Authenticate, X-Request-Id"


class CorsPolicy(Struct, frozen=True):
    """Which origins may read answers.

    Attributes:
        origins: `*` alone, or origins, which are echoed.
        credentials: whether browsers may send credentials; only with configured origins.
    """

    origins: tuple[str, ...] = ("*",)
    credentials: bool = False


class Cors:
    """Puts the headers on the answers of an app."""

    def __init__(self, app: App, policy: CorsPolicy, prefixes: Collection[str]) -> None:
        self._app = app
        self._prefixes = tuple(prefixes)
        self._any = policy.origins == ("*",)
        self._by_origin = {origin.encode(): _headers(policy, origin) for origin in policy.origins}
        self._default = default_headers(policy)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return what answers a request."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefixes):
            return self._app(scope, receive, send)
        headers = self._default if self._any else self._for(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].extend(headers)
            await send(message)

        return self._app(scope, receive, send_with_headers)

    def _for(self, scope: Scope) -> Headers:
        origins = header_values(scope, b"origin")
        return self._by_origin.get(origins[0], self._default) if origins else self._default


def default_headers(policy: CorsPolicy) -> Headers:
    """Return the headers for a request that names no origin, or none of those configured."""
    return _headers(policy, policy.origins[0])


def _headers(policy: CorsPolicy, origin: str) -> Headers:
    headers: Headers = (
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-credentials", b"true" if policy.credentials else b"false"),
        (b"access-control-allow-headers", _ALLOWED),
        (b"access-control-expose-headers", _EXPOSED),
    )
    return headers if policy.origins == ("*",) else (*headers, (b"vary", b"Origin"))
