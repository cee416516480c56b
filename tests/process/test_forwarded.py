"""Whose word counts for where a request came from."""

import json

import pytest
from tests.conftest import StartServer
from tests.support.eventually import eventually
from tests.support.wire import send

BEHIND = {"CLIENTRY_BEHIND_PROXY": "true", "CLIENTRY_PUBLIC_URL": "https://auth.example.com"}


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "127.0.0.1"),
        ({**BEHIND, "CLIENTRY_TRUSTED_PROXIES": "192.0.2.0/24"}, "127.0.0.1"),
        (BEHIND, "203.0.113.9"),
    ],
    ids=["no proxy", "not one of ours", "one of ours"],
)
def test_forwarded_addresses_count_from_our_own_proxy_only(
    start_server: StartServer, settings: dict[str, str], address: str
) -> None:
    """Without `behind_proxy`, and from who is no trusted proxy, no header moves the address that is logged."""
    server = start_server(env=settings)
    forged = [("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9"), ("X-Real-IP", "203.0.113.9")]
    request_id = send(server.url, "GET", "/v1/forwarded", forged).one("X-Request-Id")
    eventually(lambda: request_id in server.log, within=10)
    (line,) = [line for line in server.log.splitlines() if request_id in line]
    assert json.loads(line)["address"] == address
