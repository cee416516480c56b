"""Plain HTTP around the operations: rulings 2, 12, 14, 15 and 17."""

import json
import socket

import pytest
from tests.conftest import StartServer
from tests.contract.published import CORS, send
from tests.support.registry import Registry
from tests.support.server import Server
from tests.support.wire import TOKEN_PATH, bearer

NEVER = "/v1/clients/apiclient_" + "0" * 26


def test_ruling_17_ping(registry: Registry) -> None:
    """Ping answers exactly this."""
    assert registry.call("GET", "/v1/ping").body == b'{"status":"ok"}'


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/", 404),
        ("GET", "/v1/clients/", 404),
        ("GET", "/v1/ping/", 404),
        ("GET", "/v1/clients/a/b", 404),
        ("GET", "//v1/ping", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/v1/clients", 405),
        ("DELETE", "/v1/clients", 405),
        ("POST", "/v1/ping", 405),
        ("POST", NEVER, 405),
        ("PUT", NEVER, 405),
        ("TRACE", "/v1/ping", 405),
    ],
)
def test_ruling_02_12_15_routes_come_before_tokens(server: Server, method: str, path: str, status: int) -> None:
    """Unknown paths and methods are told without a token, in the registry's form, without a redirect; 405 has Allow."""
    reply = send(server.url, method, path)
    assert reply.status == status
    assert set(reply.json) == {"status", "message", "code", "info"}
    assert reply.json["code"] == 40000 + status
    assert bool(reply.all("Allow")) is (status == 405)
    assert not reply.all("Location")


def test_ruling_02_the_order_of_refusals(server: Server, registry: Registry) -> None:
    """Route, token, permission, size and type, content, thing: of two faults the earlier one is told."""
    standard = server.token(*registry.create())
    good = ("Content-Type", "application/json")
    bad_json, large = b"{", b" " * 70_000
    cases = [
        ("POST", "/v1/nothing", [], large, 404),
        ("PUT", "/v1/clients", [], large, 405),
        ("POST", "/v1/clients", [], large, 401),
        ("POST", "/v1/clients", [bearer(standard)], large, 403),
        ("POST", "/v1/clients", [bearer(registry.token), ("Content-Type", "text/plain")], large, 413),
        ("POST", "/v1/clients", [bearer(registry.token), ("Content-Type", "text/plain")], bad_json, 415),
        ("POST", "/v1/clients", [bearer(registry.token), good], bad_json, 400),
        ("PATCH", NEVER, [bearer(standard), good], bad_json, 403),
        ("PATCH", NEVER, [bearer(registry.token), good], bad_json, 400),
        ("PATCH", NEVER, [bearer(registry.token), good], b"{}", 404),
        ("GET", NEVER, [bearer(standard)], None, 403),
        ("GET", "/v1/clients", [bearer(standard)], None, 403),
    ]
    for method, path, headers, content, status in cases:
        assert send(server.url, method, path, headers, content).status == status, (method, path, status)


def test_ruling_12_every_error_has_a_page(server: Server, registry: Registry) -> None:
    """The `info` and `error_uri` of errors lead to pages that this server shows."""
    replies = [
        send(server.url, "GET", "/v1/nothing"),
        send(server.url, "PUT", "/v1/clients"),
        send(server.url, "GET", "/v1/ping"),
        registry.call("GET", "/v1/clients"),
        send(server.url, "POST", TOKEN_PATH),
    ]
    for reply in replies:
        page = reply.json.get("info") or reply.json["error_uri"]
        assert page.startswith(server.url + "/errors/")
        shown = send(server.url, "GET", page.removeprefix(server.url))
        assert (shown.status, shown.one("Content-Type")) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("path", ["/v1/ping", "/v1/clients", NEVER, "/v1/accounts", TOKEN_PATH])
def test_ruling_14_options_needs_no_token(server: Server, path: str) -> None:
    """A preflight is 204 with the four headers, and says which methods there are."""
    reply = send(server.url, "OPTIONS", path, [("Origin", "https://a.example")])
    assert (reply.status, reply.body) == (204, b"")
    assert [reply.one(header) for header in CORS][0::2] == ["*", "false"]
    assert "OPTIONS" in reply.one("Allow")


def test_ruling_14_s07_cors_headers_are_on_errors_too(server: Server, registry: Registry) -> None:
    """404, 405, 401, 400 and token errors carry the four headers; other pages carry none."""
    replies = [
        send(server.url, "GET", "/v1/nothing"),
        send(server.url, "PUT", "/v1/clients"),
        send(server.url, "GET", "/v1/ping"),
        registry.call("GET", "/v1/clients"),
        send(server.url, "POST", TOKEN_PATH),
        send(server.url, "GET", TOKEN_PATH),
    ]
    for reply in replies:
        assert all(len(reply.all(header)) == 1 for header in CORS), reply
    assert not send(server.url, "GET", "/docs").all("Access-Control-Allow-Origin")


def test_ruling_14_s07_configured_origins_are_echoed(start_server: StartServer) -> None:
    """A configured origin is echoed with credentials, another one is not, and caches are told that it varies."""
    env = {"CLIENTRY_CORS_ORIGINS": "https://a.example,https://b.example", "CLIENTRY_CORS_CREDENTIALS": "true"}
    server = start_server(env=env)
    for origin, echoed in (("https://b.example", "https://b.example"), ("https://evil.example", "https://a.example")):
        reply = send(server.url, "GET", "/v1/ping", [("Origin", origin)])
        assert reply.one("Access-Control-Allow-Origin") == echoed
        assert reply.one("Access-Control-Allow-Credentials") == "true"
        assert reply.one("Vary") == "Origin"


def test_ruling_15_head_is_get_without_the_body(server: Server, registry: Registry) -> None:
    """HEAD has the status and headers of GET, and no body, on every path that has GET."""
    client = registry.create()
    for path in (
        "/v1/ping", f"/v1/clients/{client.client_id}", NEVER, "/v1/accounts?page_size=1&page_number=1",
        "/.well-known/jwks.json", "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration", "/openapi.json", "/docs", "/healthz",
    ):  # fmt: skip
        get, head = registry.call("GET", path), registry.call("HEAD", path)
        assert (head.status, head.body) == (get.status, b"")
        assert head.steady[1] == get.steady[1]


def test_o06_no_banner_and_no_sniffing(server: Server) -> None:
    """Answers name no server version, and carry the headers against sniffing."""
    reply = send(server.url, "GET", "/v1/ping")
    assert not reply.all("Server")
    assert reply.one("X-Content-Type-Options") == "nosniff"
    assert len(reply.one("X-Request-Id")) == 32


def test_ruling_13_slow_bodies_are_told(start_server: StartServer) -> None:
    """A body that does not arrive in time is a 400 in the form of its surface."""
    server = start_server(env={"CLIENTRY_BODY_TIMEOUT": "1"})
    host, port = server.url.removeprefix("http://").split(":")
    token = server.token(*server.admin)
    for path, media_type, field in (
        ("/v1/clients", "application/json", "code"),
        (TOKEN_PATH, "application/x-www-form-urlencoded", "error"),
    ):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 50\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: {media_type}\r\n\r\n{{".encode()
            )
            received = b""
            while part := connection.recv(65_536):
                received += part
        assert received.startswith(b"HTTP/1.1 400 ")
        assert field in json.loads(received.partition(b"\r\n\r\n")[2])
