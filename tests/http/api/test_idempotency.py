"""`Idempotency-Key`: a retry of a POST gets the first answer again, its secret included, and changes nothing."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.contract.tenant import Tenant, admin_of, new_tenant
from tests.http.api.test_matrix import DOCUMENT, OPERATIONS, child_account
from tests.support.postgres import Postgres
from tests.support.registry import Registry
from tests.support.server import Server
from tests.support.wire import Reply, ask_token, bearer, send

from clientry.http.app import Operation

POSTS = [operation for operation in OPERATIONS if operation.method == "POST"]
BODY = {"name": "once", "locked": None, "scopes": {"products": ["SuperSIM"]}}


@pytest.fixture
def tenant(server: Server) -> Tenant:
    """Make a tenant of the test's own."""
    return new_tenant(server)


def post(registry: Registry, path: str, key: str, body: object = None, token: str | None = None) -> Reply:
    """Send a POST with an idempotency key."""
    headers = [bearer(token or registry.token), ("Idempotency-Key", key)]
    if body is None:
        return send(registry.url, "POST", path, headers)
    return send(registry.url, "POST", path, [*headers, ("Content-Type", "application/json")], json.dumps(body).encode())


def count(registry: Registry) -> int:
    return registry.call("GET", "/v1/clients?page_size=1&page_number=1&status=any").json["meta"]["count"]


@pytest.mark.parametrize("operation", POSTS, ids=lambda operation: operation.operation_id)
def test_every_post_is_made_once(tenant: Tenant, operation: Operation) -> None:
    """The second answer is the first, byte for byte, and says that it is a replay; the same key with another body is a 409."""
    client = tenant.registry.create()
    path = operation.path.format(client_id=client.client_id, account_id=child_account(tenant))
    body = None
    if operation.request is not None:
        body = DOCUMENT["components"]["schemas"][operation.request.__name__]["example"]
    key = str(uuid.uuid4())
    first, second = (post(tenant.registry, path, key, body) for _ in range(2))
    assert first.status in {200, 201}, first
    assert (second.status, second.body, second.all("ETag")) == (first.status, first.body, first.all("ETag"))
    assert (first.all("Idempotency-Replayed"), second.all("Idempotency-Replayed")) == ([], ["true"])
    reply = post(tenant.registry, path, key, {"something": "else"})
    assert reply.status == 409
    assert "another body" in reply.json["message"]


def test_a_retry_makes_no_second_client_and_its_secret_works(tenant: Tenant) -> None:
    """One client is there, with the secret of both answers."""
    before = count(tenant.registry)
    replies = [post(tenant.registry, "/v1/clients", "key-1", BODY) for _ in range(3)]
    assert {reply.status for reply in replies} == {201}
    assert len({reply.json["client_secret"] for reply in replies}) == 1
    assert {reply.one("Location") for reply in replies} == {replies[0].one("Location")}
    assert count(tenant.registry) == before + 1
    made = replies[2].json
    form = {"grant_type": "client_credentials", **{key: made[key] for key in ("client_id", "client_secret")}}
    assert ask_token(tenant.registry.url, form).status == 200


@pytest.mark.parametrize("path", ["/v1/clients", "/v1/clients/{client_id}/secrets"])
def test_concurrent_duplicates_get_the_same_answer(tenant: Tenant, path: str) -> None:
    """50 at once with one key: all hear the same secret, and one is made."""
    client = tenant.registry.create()
    before = count(tenant.registry)
    body = BODY if path == "/v1/clients" else {"others_end_after": "1h"}
    where = path.format(client_id=client.client_id)
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(post, tenant.registry, where, "the-key", body) for _ in range(50)]
        replies = [one.result() for one in asked]
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body for reply in replies}) == 1
    assert sum(reply.all("Idempotency-Replayed") == ["true"] for reply in replies) == 49
    assert count(tenant.registry) == before + (path == "/v1/clients")
    secrets = tenant.registry.call("GET", f"/v1/clients/{client.client_id}/secrets").json["secrets"]
    assert len(secrets) == (1 if path == "/v1/clients" else 2)


def test_a_key_belongs_to_its_caller_and_its_path(server: Server, tenant: Tenant) -> None:
    """Another admin client of the same account, another tenant, and another path with the same key are answered anew."""
    first = post(tenant.registry, "/v1/clients", "shared", BODY)
    colleague = Registry(server.url, admin_of(server, tenant.account_id))
    stranger = new_tenant(server).registry
    for other in (colleague, stranger):
        reply = post(other, "/v1/clients", "shared", BODY)
        assert reply.status == 201
        assert reply.json["client_id"] != first.json["client_id"]
    path = f"/v1/clients/{first.json['client_id']}/secrets"
    assert post(tenant.registry, path, "shared", {"others_end_after": 0}).status == 201


def test_a_refusal_is_not_kept(tenant: Tenant) -> None:
    """What was a 400 or a 404 the first time is made when it is good, with the same key."""
    assert post(tenant.registry, "/v1/clients", "k", {**BODY, "name": " "}).status == 400
    missing = {**BODY, "account_id": "acct_" + "0" * 26}
    assert post(tenant.registry, "/v1/clients", "k", missing).status == 404
    assert post(tenant.registry, "/v1/clients", "k", BODY).status == 201


def test_a_replay_is_authorised_again(server: Server, tenant: Tenant) -> None:
    """With a token that lacks the scope by now it is 403, of a client that was disabled since 401; nothing is shown."""
    admin = admin_of(server, tenant.account_id)
    registry = Registry(server.url, admin)
    secret = post(registry, "/v1/clients", "k", BODY).json["client_secret"]
    narrowed = server.token(*admin, "clients:read")
    refused = post(registry, "/v1/clients", "k", BODY, narrowed)
    tenant.registry.update(admin.client_id, enabled=False)
    stopped = post(registry, "/v1/clients", "k", BODY)
    assert (refused.status, stopped.status) == (403, 401)
    assert secret not in str(refused) + str(stopped)


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256])
def test_what_is_no_key_is_refused(tenant: Tenant, key: str) -> None:
    """The message names the header; nothing is made."""
    before = count(tenant.registry)
    reply = post(tenant.registry, "/v1/clients", key, BODY)
    assert reply.status == 400
    assert "Idempotency-Key" in reply.json["message"]
    assert count(tenant.registry) == before


def test_two_keys_are_refused(tenant: Tenant) -> None:
    """A request with two such headers is a 400."""
    headers = [
        bearer(tenant.registry.token),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "a"),
        ("Idempotency-Key", "b"),
    ]
    assert send(tenant.registry.url, "POST", "/v1/clients", headers, json.dumps(BODY).encode()).status == 400


def test_neither_key_nor_answer_can_be_read_in_the_database(server: Server, tenant: Tenant, postgres: Postgres) -> None:
    """A whole dump of the database holds neither the idempotency key nor the secret nor the name in the answer."""
    key = f"canary-{uuid.uuid4()}"
    reply = post(tenant.registry, "/v1/clients", key, BODY)
    held = everything(server, postgres)
    assert reply.json["client_id"].encode() in held
    for hidden in (key, reply.json["client_secret"]):
        assert hidden.encode() not in held
        assert hidden.encode().hex().encode() not in held


def everything(server: Server, postgres: Postgres) -> bytes:
    """Return all that a server's database holds, and its log."""
    files = [path.read_bytes() for path in server.data.glob("*.db*")]
    return b"".join(files) + server.log.encode() + (postgres.dump(server.database) if server.database else b"")
