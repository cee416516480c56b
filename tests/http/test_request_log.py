"""The outermost layer: what nobody expected becomes a blank 500 of its surface, and a line in the log."""

import io
import json
from typing import Any

import pytest

from clientry.clock import SystemClock
from clientry.http.addresses import proxies
from clientry.http.app import failing_app
from clientry.http.cors import CorsPolicy
from clientry.http.exchange import App, Receive, Scope, Send
from clientry.http.oauth.well_known import TOKEN_PATH
from clientry.http.request_log import RequestLog
from clientry.process.logs import Logs
from clientry.process.sink import Sink
from clientry.randomness import SystemRandom
from clientry.settings import LogLevel

pytestmark = pytest.mark.anyio

SECRET = "cs_in_an_exception"


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the server does."""
    return "asyncio"


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError(SECRET)


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


class Exchange:
    """One request through the layer, and what came of it."""

    def __init__(self, app: App, networks: tuple[str, ...] = ()) -> None:
        self.stream = io.BytesIO()
        self._sink = Sink(self.stream)
        self._logs = Logs(self._sink, SystemClock(), console=False, level=LogLevel.INFO)
        failure = failing_app("https://a.example", CorsPolicy())
        self._app = RequestLog(app, self._logs, SystemRandom(), proxies(networks), failure, https=True)
        self.sent: list[Any] = []

    async def ask(self, path: str, headers: list[tuple[bytes, bytes]] | None = None, peer: str = "10.0.0.1") -> Scope:
        scope: Scope = {
            "type": "http", "method": "GET", "path": path, "query_string": b"secret=1", "client": (peer, 1),
            "headers": headers or [],
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.sent.append(message)

        await self._app(scope, receive, send)
        self._sink.close()
        return scope

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.mark.parametrize(("path", "field"), [("/v1/clients", "code"), ("/x", "code"), (TOKEN_PATH, "error")])
async def test_o09_ruling_12_14_what_nobody_expected_is_a_blank_500(path: str, field: str) -> None:
    """An exception becomes a 500 in the form of its surface, with CORS headers there, and says nothing of itself anywhere."""
    exchange = Exchange(failing)
    await exchange.ask(path)
    start, body = exchange.sent
    assert start["status"] == 500
    assert field in json.loads(body["body"])
    names = {name for name, _ in start["headers"]}
    assert (b"access-control-allow-origin" in names) is (path != "/x")
    assert {b"x-request-id", b"x-content-type-options", b"strict-transport-security"} <= names
    assert SECRET.encode() not in body["body"] + exchange.stream.getvalue()
    failure, access = exchange.lines()
    assert (failure["kind"], failure["request_id"]) == ("RuntimeError", access["request_id"])
    assert any("test_request_log.py" in place for place in failure["places"])
    assert access["status"] == 500


async def test_o07_no_query_string_is_logged() -> None:
    """The line of a request has its path without the query string."""
    exchange = Exchange(answering)
    await exchange.ask("/v1/ping")
    assert exchange.lines()[0]["path"] == "/v1/ping"
    assert b"secret=1" not in exchange.stream.getvalue()


@pytest.mark.parametrize(
    ("networks", "peer", "forwarded", "expected"),
    [
        ((), "10.0.0.1", b"1.2.3.4", "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", b"1.2.3.4", "1.2.3.4"),
        (("10.0.0.0/8",), "11.0.0.1", b"1.2.3.4", "11.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", b"6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", b"1.2.3.4, nonsense", "10.0.0.1"),
        (("::1/128",), "::1", b"2001:DB8::1", "2001:db8::1"),
        (("10.0.0.0/8",), "10.0.0.1", b"203.0.113.9:51008", "203.0.113.9"),
        (("10.0.0.0/8",), "10.0.0.1", b"[2001:db8::9]:443", "2001:db8::9"),
        (("10.0.0.0/8",), "10.0.0.1", b"[2001:db8::9]", "2001:db8::9"),
        (("10.0.0.0/8",), "10.0.0.1", b'"[2001:db8::9]:443"', "2001:db8::9"),
        (("10.0.0.0/8",), "10.0.0.1", b"6.6.6.6, 203.0.113.9:1, 10.9.9.9:4711", "203.0.113.9"),
        (("10.0.0.0/8",), "::ffff:10.0.0.1", b"::ffff:1.2.3.4", "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", b"[::ffff:1.2.3.4]:80", "1.2.3.4"),
        ((), "::ffff:192.0.2.7", b"1.2.3.4", "192.0.2.7"),
        (("10.0.0.0/8",), "10.0.0.1", b"unknown", "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", b"6.6.6.6, , 1.2.3.4, ,", "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", b"1.2.3.4:port", "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", b"2001:db8::9]:443", "10.0.0.1"),
    ],
)
async def test_s06_forwarded_addresses_count_from_proxies_only(
    networks: tuple[str, ...], peer: str, forwarded: bytes, expected: str
) -> None:
    """The address is the right-most that is no trusted proxy's; nobody else's header counts."""
    exchange = Exchange(answering, networks)
    headers = [(b"x-forwarded-for", forwarded), (b"x-request-id", b"given-by-the-proxy")]
    scope = await exchange.ask("/", headers, peer)
    assert scope["clientry.address"] == exchange.lines()[0]["address"] == expected
    trusted = bool(networks) and peer != "11.0.0.1"
    assert (scope["clientry.request_id"] == "given-by-the-proxy") is trusted
