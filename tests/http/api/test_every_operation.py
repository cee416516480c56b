"""What holds for every operation of the route table: its answers are not stored, HEAD has no body, a change is one audit event."""

import json
import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.contract.tenant import Tenant, new_tenant
from tests.http.api.test_matrix import OPERATIONS, ask, child_account
from tests.support.server import CLIENTRY, Server
from tests.support.wire import TOKEN_PATH, ask_token, bearer, send

from clientry.http.app import Operation

CHANGES = [operation for operation in OPERATIONS if operation.method != "GET"]
NOWHERE = {"client_id": "apiclient_" + "0" * 26, "account_id": "acct_" + "0" * 26, "secret_id": "secret_" + "0" * 26}
READ_BY_ALL = (
    "/",
    "/docs",
    "/errors",
    "/errors/40404",
    "/openapi.json",
    "/.well-known/jwks.json",
    "/healthz",
    "/readyz",
)


@pytest.fixture(scope="module")
def tenant(server: Server) -> Tenant:
    """Make a tenant of these tests' own."""
    return new_tenant(server)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_no_answer_is_stored(server: Server, tenant: Tenant, operation: Operation) -> None:
    """Success, 401, 404 and 405 of every operation say `no-store`, so that no cache keeps a secret or what a client may do."""
    token = tenant.registry.token
    good = ask(server, operation, token, tenant.registry.create().client_id, child_account(tenant))
    assert good.status in {200, 201, 204}, good
    path = operation.path.format(**NOWHERE)
    absent = [
        send(server.url, operation.method, path),
        send(server.url, operation.method, "/v1/nothing", [bearer(token)]),
    ]
    refused = send(server.url, "PUT", path, [bearer(token)])
    assert [reply.status for reply in (*absent, refused)] == [401, 404, 405]
    for reply in (good, *absent, refused):
        assert reply.one("Cache-Control") == "no-store"


def test_no_answer_of_the_token_endpoint_is_stored(server: Server, tenant: Tenant) -> None:
    """A token and every refusal of one say `no-store`."""
    replies = [ask_token(server.url, tenant.admin.form), ask_token(server.url, {}), send(server.url, "GET", TOKEN_PATH)]
    assert [reply.status for reply in replies] == [200, 401, 405]
    assert [reply.one("Cache-Control") for reply in replies] == ["no-store"] * 3


@pytest.mark.parametrize(
    "path", [*READ_BY_ALL, *(each.path.format(**NOWHERE) for each in OPERATIONS if each.method == "GET")]
)
def test_ruling_15_nothing_follows_the_head_on_the_wire(server: Server, tenant: Tenant, path: str) -> None:
    """HEAD is answered without a byte after the empty line; client libraries never look."""
    place = urlsplit(server.url)
    head = f"HEAD {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {tenant.registry.token}\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 ")
    assert answer.partition(b"\r\n\r\n")[2] == b""


def test_every_change_is_exactly_one_audit_event(server: Server, tenant: Tenant) -> None:
    """Each operation that changes something writes one event, with who, what, when, from where, and what differs."""
    made: dict[str, tuple[str, str, str]] = {}
    for operation in CHANGES:
        client, account = tenant.registry.create().client_id, child_account(tenant)
        if operation.operation_id == "restoreClient":
            tenant.registry.delete(client)
        reply = ask(server, operation, tenant.registry.token, client, account)
        assert reply.status in {200, 201, 204}, reply
        made[reply.one("X-Request-Id")] = operation.operation_id, client, account
    done = subprocess.run(
        [CLIENTRY, "audit", "list", "--data", str(server.data), "--json"], check=True, capture_output=True, text=True
    )
    events: list[dict[str, Any]] = [event for event in json.loads(done.stdout) if event["request_id"] in made]
    assert sorted(event["request_id"] for event in events) == sorted(made)
    for event in events:
        operation_id, client, account = made[event["request_id"]]
        assert event["actor"] == tenant.admin.client_id
        assert event["address"] == "127.0.0.1"
        assert event["account_id"] in {tenant.account_id, account} or operation_id == "createAccount"
        assert event["target"] in {client, account} or operation_id.startswith("create")
        assert event["operation"].split(".")[0] in operation_id.lower()
        assert event["event_id"].startswith("event_")
        assert event["at"].endswith("Z")
        assert event["before"] != event["after"]
        assert tenant.admin.client_secret not in json.dumps(event)
