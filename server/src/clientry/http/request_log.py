"""The outermost layer: a request gets its id and its address, its line in the log, and an answer whatever happens."""

import re
import time
import traceback
from typing import Any, Final

import structlog

from clientry.errors import RegistryError
from clientry.http.addresses import Proxies, peer_address
from clientry.http.exchange import AnswerInterrupted, App, Headers, Message, Receive, Scope, Send, header_values
from clientry.process.logs import AccessEntry, Logs
from clientry.randomness import Random

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
MAX_SEGMENT: Final = 36
"""Characters of an id. Nothing in our own paths is longer; what is may be a secret or a token."""
_LONG_SEGMENT = re.compile(rf"[^/]{{{MAX_SEGMENT + 1},}}")
_BASE_HEADERS: Final[Headers] = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_HSTS: Final[Headers] = ((b"strict-transport-security", b"max-age=31536000"),)

_log = structlog.get_logger("clientry.http")


class RequestLog:
    """Wraps an application.

    Args:
        app: the application.
        logs: where lines go, None: no line per request.
        random: for request ids.
        trusted: whose forwarded headers count.
        failure: answers what failed in a way nobody expected.
        https: whether the public URL is https.
    """

    def __init__(
        self,
        app: App,
        logs: Logs | None,
        random: Random,
        trusted: Proxies,
        failure: App,
        *,
        https: bool,
    ) -> None:
        self._app = app
        self._logs = logs
        self._random = random
        self._proxies = trusted
        self._failure = failure
        self._headers = _BASE_HEADERS + (_HSTS if https else ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request_id = self._identify(scope)
        own_headers = ((b"x-request-id", request_id.encode()), *self._headers)
        status = 0
        sent = 0

        async def watched_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].extend(own_headers)
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception as problem:
            _report(problem, request_id)
            if status:
                raise
            await self._failure(scope, receive, watched_send)
        finally:
            if self._logs is not None:
                self._logs.access(self._entry(self._logs, scope, status, sent, started))

    def _identify(self, scope: Scope) -> str:
        """Give the request its id and its address; both are taken from headers only where a proxy set them."""
        peer: Any = scope.get("client")
        address = peer_address(peer[0]) if peer else ""
        request_id = ""
        if self._proxies.trusts(address):
            given = header_values(scope, b"x-request-id")
            if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
                request_id = given[0].decode()
            address = self._proxies.origin(address, scope)
        scope["clientry.request_id"] = request_id = request_id or self._random.bytes(16).hex()
        scope["clientry.address"] = address
        return request_id

    def _entry(self, logs: Logs, scope: Scope, status: int, sent: int, started: float) -> AccessEntry:
        return AccessEntry(
            timestamp=logs.timestamp(),
            event="request",
            level="info",
            method=scope["method"],
            path=_shown(scope["path"]),
            status=status,
            duration_ms=round((time.perf_counter() - started) * 1000, 2),
            bytes=sent,
            address=scope["clientry.address"],
            request_id=scope["clientry.request_id"],
            client_id=scope.get("clientry.client_id", ""),
        )


def _shown(path: str) -> str:
    return path if len(path) <= MAX_SEGMENT else _LONG_SEGMENT.sub("*", path)


def _report(problem: Exception, request_id: str) -> None:
    """Log where it happened, and not what it says: an exception's text may hold what the request held."""
    if isinstance(problem, AnswerInterrupted) and isinstance(problem.__cause__, RegistryError):
        _log.info("answer was broken off", reason=problem.__cause__.title, request_id=request_id)
        return
    frames = traceback.extract_tb(problem.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    _log.error("unexpected failure", kind=type(problem).__name__, places=places, request_id=request_id)
