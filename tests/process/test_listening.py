"""Addresses: a name is all that it names, a port is one port, and an IPv4 client is one everywhere."""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import StartServer
from tests.support.eventually import eventually
from tests.support.server import Server, clientry
from tests.support.wire import send

from clientry.errors import ConfigurationError
from clientry.process import bind


def is_here(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


IPV6 = pytest.mark.skipif(not is_here(socket.AF_INET6, "::1"), reason="this machine has no IPv6")

LOCALHOST = """
import socket
real = socket.getaddrinfo
def both(host, port, *rest, **named):
    if host != "localhost":
        return real(host, port, *rest, **named)
    stream = (socket.SOCK_STREAM, 6, "")
    found = [(socket.AF_INET6, *stream, ("::1", port, 0, 0)), (socket.AF_INET, *stream, ("127.0.0.1", port))]
    return found[:1] + [(socket.AF_INET, *stream, ("192.0.2.1", port))] + found
socket.getaddrinfo = both
"""
"""A resolver for which localhost is both loopback addresses, one of them twice, and one that this machine does not have."""


@pytest.fixture
def two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have localhost resolved as above."""
    names: dict[str, Any] = {}
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)  # put back at the end
    exec(LOCALHOST, names)  # noqa: S102


@IPV6
@pytest.mark.usefixtures("two_addresses")
def test_a_name_is_each_of_its_addresses_on_one_port() -> None:
    """What localhost is on this machine is taken, each once, with one free port for all."""
    for _ in range(20):
        taken = bind("localhost", 0)
        assert [one.getsockname()[0] for one in taken] == ["::1", "127.0.0.1"]
        assert len({one.getsockname()[1] for one in taken}) == 1
        for one in taken:
            one.close()


@IPV6
@pytest.mark.usefixtures("two_addresses")
def test_a_port_that_is_taken_on_one_address_is_taken() -> None:
    """Half of a name is not served: the port must be free on every address, and nothing is kept where it is not."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match="is taken"):
            bind("localhost", port)
    for one in bind("localhost", port):
        one.close()


def test_an_address_of_another_machine_is_told() -> None:
    """An address that is not of this machine, and a name that has none, are refused with the host in the sentence."""
    for host in ("192.0.2.1", "nothing.invalid"):
        with pytest.raises(ConfigurationError, match=host):
            bind(host, 0)


@IPV6
@pytest.mark.parametrize("workers", ["1", "2"])
def test_localhost_answers_on_all_its_addresses(start_server: StartServer, workers: str) -> None:
    """Clients reach a server on `localhost` by whichever address they try first; several workers serve all of them."""
    program = (sys.executable, "-c", f"{LOCALHOST}\nfrom clientry.__main__ import main\nmain()")
    server = start_server(env={"CLIENTRY_HOST": "localhost", "CLIENTRY_WORKERS": workers}, program=program)
    port = server.url.rsplit(":", 1)[1]
    for host in ("127.0.0.1", "[::1]"):
        assert send(f"http://{host}:{port}", "GET", "/readyz").status == 200
    document = send(server.url, "GET", "/.well-known/oauth-authorization-server").json
    assert document["issuer"] == f"http://localhost:{port}"
    assert server.stop() == 0


@IPV6
def test_s06_an_ipv4_client_is_one_on_a_socket_for_both_families(start_server: StartServer) -> None:
    """On `::` an IPv4 proxy is matched by IPv4 networks and told as IPv4, and so is the client that it forwards for."""
    env = {"CLIENTRY_HOST": "::", "CLIENTRY_BEHIND_PROXY": "true", "CLIENTRY_PUBLIC_URL": "https://auth.example.com"}
    server = start_server(env=env)
    assert address_of(server, "/direct", {}) == "127.0.0.1"
    assert address_of(server, "/forwarded", {"X-Forwarded-For": "::ffff:203.0.113.9"}) == "203.0.113.9"
    token = server.token(server.admin.client_id, server.admin.client_secret)
    body = {"name": "x", "locked": False, "scopes": {"products": []}}
    assert server.request("POST", "/v1/clients", token, json=body).status == 201
    (event,) = audit_of(server.data)
    assert event["address"] == "127.0.0.1"


def address_of(server: Server, path: str, headers: dict[str, str]) -> str:
    server.request("GET", path, headers=headers)
    eventually(lambda: f'"{path}"' in server.log, within=10)
    lines = [json.loads(line) for line in server.log.splitlines() if f'"{path}"' in line]
    return str(lines[0]["address"])


def audit_of(data: Path) -> list[dict[str, object]]:
    return [event for event in clientry("audit", "list", data=data) if event["actor"] != "operator"]
