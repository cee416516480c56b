"""Containing a leaked client: every secret ends and every token is dead, in one change; a new secret is there for the asking."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.contract.tenant import Tenant, new_tenant
from tests.support.registry import Credentials, Registry, access_token
from tests.support.server import Server, clientry
from tests.support.wire import Reply, ask_token


@pytest.fixture(scope="module")
def tenant(server: Server) -> Tenant:
    """Give an account of this file's own."""
    return new_tenant(server)


def contain(registry: Registry, client_id: str, body: object = None) -> Reply:
    return registry.call("POST", f"/v1/clients/{client_id}/contain", body)


def with_two_secrets(registry: Registry) -> tuple[Credentials, Credentials]:
    """Return a client with each of its two secrets."""
    client = registry.create()
    made = registry.call("POST", f"/v1/clients/{client.client_id}/secrets", {"others_end_after": "24h"})
    return client, Credentials(client.client_id, made.json["client_secret"])


def secrets_of(registry: Registry, client_id: str) -> list[dict[str, Any]]:
    return registry.call("GET", f"/v1/clients/{client_id}/secrets").json["secrets"]


def is_good(registry: Registry, token: str) -> bool:
    return registry.call("GET", "/v1/ping", token=token).status == 200


@pytest.mark.parametrize("body", [None, {}, {"new_secret": False}])
def test_everything_from_before_is_dead(tenant: Tenant, body: object) -> None:
    """No secret opens anything and no token is good; the client stays enabled, and works again with a secret made later."""
    registry = tenant.registry
    first, second = with_two_secrets(registry)
    tokens = [access_token(registry.url, one) for one in (first, second)]
    reply = contain(registry, first.client_id, body)
    shown = registry.call("GET", f"/v1/clients/{first.client_id}")
    assert (reply.status, reply.json, reply.one("ETag")) == (200, shown.json, shown.one("ETag"))
    assert (reply.one("Cache-Control"), shown.json["client"]["enabled"]) == ("no-store", True)
    assert secrets_of(registry, first.client_id) == []
    assert [ask_token(registry.url, one.form).status for one in (first, second)] == [401, 401]
    assert not any(is_good(registry, token) for token in tokens)
    made = registry.call("POST", f"/v1/clients/{first.client_id}/secrets", {"others_end_after": 0}).json
    fresh = access_token(registry.url, Credentials(first.client_id, made["client_secret"]))
    assert is_good(registry, fresh)


def test_ruling_10_a_new_secret_is_in_the_201_and_not_to_be_stored(tenant: Tenant) -> None:
    """It is the client's only one and works at once; what was there before does not."""
    registry = tenant.registry
    first, second = with_two_secrets(registry)
    token = access_token(registry.url, first)
    reply = contain(registry, first.client_id, {"new_secret": True})
    assert (reply.status, reply.one("Cache-Control")) == (201, "no-store")
    assert [one["secret_id"] for one in secrets_of(registry, first.client_id)] == [reply.json["secret_id"]]
    assert [ask_token(registry.url, one.form).status for one in (first, second)] == [401, 401]
    new = access_token(registry.url, Credentials(first.client_id, reply.json["client_secret"]))
    assert (is_good(registry, token), is_good(registry, new)) == (False, True)


def test_ruling_16_a_locked_client_is_contained_and_gets_no_new_secret(tenant: Tenant) -> None:
    """With a new secret it is a 409 and nothing is done; without one the leak is stopped, and it stays locked."""
    registry = tenant.registry
    client = registry.create(locked=True)
    token = access_token(registry.url, client)
    refused = contain(registry, client.client_id, {"new_secret": True})
    assert (refused.status, "locked" in refused.json["message"]) == (409, True)
    assert is_good(registry, token)
    reply = contain(registry, client.client_id)
    assert (reply.status, reply.json["client"]["locked"]) == (200, True)
    assert not is_good(registry, token)
    assert ask_token(registry.url, client.form).status == 401


def test_a_client_contains_itself_with_a_new_secret_only(server: Server) -> None:
    """Without one it would lock itself out, as by disabling itself: 409."""
    tenant = new_tenant(server)
    own = tenant.admin.client_id
    assert contain(tenant.registry, own).status == 409
    reply = contain(tenant.registry, own, {"new_secret": True})
    assert reply.status == 201
    assert contain(tenant.registry, own).status == 401
    assert Registry(server.url, Credentials(own, reply.json["client_secret"])).call("GET", "/v1/ping").status == 200


@pytest.mark.parametrize(
    "body", [{"new_secret": None}, {"new_secret": 1}, {"new_secret": "true"}, {"secret": True}, []]
)
def test_what_is_no_containment_is_refused(tenant: Tenant, body: object) -> None:
    """A 400 that names the field, and nothing is done."""
    client = tenant.registry.create()
    reply = contain(tenant.registry, client.client_id, body)
    assert reply.status == 400
    assert ask_token(tenant.registry.url, client.form).status == 200


def test_a_containment_is_audited_once_without_the_secret(server: Server, tenant: Tenant) -> None:
    """One event that says which secrets ended and which one came, by whom, and holds no secret."""
    registry = tenant.registry
    first, second = with_two_secrets(registry)
    ended = [one["secret_id"] for one in secrets_of(registry, first.client_id)]
    reply = contain(registry, first.client_id, {"new_secret": True})
    trail = clientry("audit", "list", "--account", tenant.account_id, data=server.data)
    (event,) = [one for one in trail if one["request_id"] == reply.one("X-Request-Id")]
    assert (event["operation"], event["target"], event["actor"]) == (
        "client.contain",
        first.client_id,
        tenant.admin.client_id,
    )
    assert [one["secret_id"] for one in event["before"]["secrets"]] == ended
    assert [one["secret_id"] for one in event["after"]["secrets"]] == [reply.json["secret_id"]]
    assert event["before"]["version"] + 1 == event["after"]["version"]
    written = json.dumps(event)
    assert not any(text in written for text in (*first[1:], *second[1:], reply.json["client_secret"]))


def test_a_leaked_secret_wins_no_race(tenant: Tenant) -> None:
    """Whoever asks for tokens with the leaked secret all the while has none that is good when the containment was answered."""
    registry = tenant.registry
    for _ in range(5):
        client = registry.create()
        stopped: list[bool] = []

        def take(form: dict[str, str] = client.form, stopped: list[bool] = stopped) -> list[str]:
            taken: list[str] = []
            while not stopped:
                reply = ask_token(registry.url, form)
                taken += [reply.json["access_token"]] if reply.status == 200 else []
            return taken

        with ThreadPoolExecutor(3) as pool:
            takers = [pool.submit(take) for _ in range(3)]
            reply = contain(registry, client.client_id)
            stopped.append(True)
            taken = [token for taker in takers for token in taker.result()]
        assert reply.status == 200
        assert not any(is_good(registry, token) for token in taken)


def test_the_operator_contains_a_client(server: Server, tenant: Tenant) -> None:
    """`clientry clients contain` does the same beside the running server, and prints what the API answers."""
    registry = tenant.registry
    client = registry.create()
    token = access_token(registry.url, client)
    made = clientry("clients", "contain", client.client_id, "--new-secret", data=server.data)
    assert made["client_id"] == client.client_id
    assert not is_good(registry, token)
    assert ask_token(registry.url, client.form).status == 401
    assert ask_token(registry.url, Credentials(client.client_id, made["client_secret"]).form).status == 200
    shown = clientry("clients", "contain", client.client_id, data=server.data)
    assert shown["client"] == registry.call("GET", f"/v1/clients/{client.client_id}").json["client"]
    assert secrets_of(registry, client.client_id) == []
