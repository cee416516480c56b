"""Updating, locking, disabling and deleting: ruling 16, and what the document's own text promises."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.contract.published import send
from tests.contract.tenant import Tenant, new_tenant
from tests.support.registry import Credentials
from tests.support.server import Server
from tests.support.wire import Reply, ask_token

from clientry.http.api.accounts import UpdateAccount
from clientry.http.api.clients import UpdateClient

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "contract" / "clientry.openapi.json").read_text())
OTHER: dict[str, Any] = {
    "name": "Other",
    "locked": False,
    "enabled": False,
    "scopes": {"products": []},
    "client_owner": "other@example.com",
    "token_lifetime": 300,
    "expires_at": "2090-01-31T09:30:00Z",
    "labels": {"env": "prod"},
    "friendly_name": "Other",
    "owner_email": "other@example.com",
    "status": "SUSPENDED",
}
"""For each field of an update a value that a new client or account does not have."""


@pytest.fixture(scope="module")
def tenant(server: Server) -> Tenant:
    """Give an account of this file's own."""
    return new_tenant(server)


def patch(tenant: Tenant, client: Credentials, change: object, *headers: tuple[str, str]) -> Reply:
    sent = [tenant.registry.bearer, ("Content-Type", "application/merge-patch+json"), *headers]
    return send(tenant.registry.url, "PATCH", f"/v1/clients/{client.client_id}", sent, json.dumps(change).encode())


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": " New "}, {"name": "New"}),
        ({"locked": True}, {"locked": True}),
        ({"client_owner": "ada@example.com"}, {"client_owner": "ada@example.com"}),
        ({"token_lifetime": 300}, {"token_lifetime": 300}),
        ({"token_lifetime": 63_072_000}, {"token_lifetime": 63_072_000}),
        ({"token_lifetime": "24h"}, {"token_lifetime": 86_400}),
        ({"token_lifetime": "30d"}, {"token_lifetime": 2_592_000}),
        ({"token_lifetime": "24mo"}, {"token_lifetime": 63_072_000}),
        ({"scopes": {"products": ["ProgrammableWireless"]}}, {"scopes": {"products": ["ProgrammableWireless"]}}),
        ({"scopes": {}}, {"scopes": {"products": []}}),
        ({"enabled": False, "name": "Off"}, {"enabled": False, "name": "Off"}),
        ({}, {}),
    ],
)
def test_an_update_changes_what_it_names_and_nothing_else(
    tenant: Tenant, change: dict[str, Any], shown: dict[str, Any]
) -> None:
    """Each field can be set, the answer is the client as it is now, and everything else stays."""
    client = tenant.registry.create()
    before = tenant.registry.call("GET", f"/v1/clients/{client.client_id}").json["client"]
    reply = patch(tenant, client, change)
    assert reply.status == 200
    assert reply.json == {"client": {**before, **shown}}
    assert tenant.registry.call("GET", f"/v1/clients/{client.client_id}").json == reply.json


BAD_CHANGES = [
    {"name": None}, {"name": ""}, {"name": 1}, {"locked": None}, {"locked": "true"}, {"enabled": None}, {"enabled": 1},
    {"scopes": None}, {"scopes": {"product": []}}, {"scopes": {"products": ["Nope"]}}, {"client_owner": "x"},
    {"client_owner": None}, {"token_lifetime": 299}, {"token_lifetime": 63_072_001}, {"token_lifetime": "2h"},
    {"token_lifetime": 3600.5}, {"token_lifetime": None}, {"token_lifetime": -1}, {"token_lifetime": 10**30},
    {"client_id": "x"}, {"account_id": "x"}, {"client_type": "admin"}, {"date_created": "x"}, {"client_secret": "x"},
    {"version": 1}, {"tokens_valid_from": 0}, {"account_path": []}, {"products": []}, {"resources": []}, [], None,
]  # fmt: skip


def test_p02_cve_2026_65635_what_the_server_sets_cannot_be_set(tenant: Tenant) -> None:
    """Server-side fields, unknown fields and wrong values are 400 that name the field; the client stays as it was."""
    client = tenant.registry.create()
    before = tenant.registry.call("GET", f"/v1/clients/{client.client_id}").json
    for change in BAD_CHANGES:
        reply = patch(tenant, client, change)
        assert reply.status == 400, change
        if isinstance(change, dict):
            assert next(iter(change)) in reply.json["message"]
    assert tenant.registry.call("GET", f"/v1/clients/{client.client_id}").json == before


def test_etag_and_if_match(tenant: Tenant) -> None:
    """A change under an old ETag is 412 and not made; under the current one, under several and under * it is made."""
    client = tenant.registry.create()
    first = tenant.registry.call("GET", f"/v1/clients/{client.client_id}").one("ETag")
    changed = patch(tenant, client, {"name": "Two"}, ("If-Match", first))
    assert (changed.status, changed.one("ETag") != first) == (200, True)
    for stale in (first, '"v999"', "W/" + first, "nonsense", '"v2" "v3"'):
        reply = patch(tenant, client, {"name": "Three"}, ("If-Match", stale))
        assert (reply.status, reply.json["code"]) == (412, 40412)
    assert tenant.registry.call("GET", f"/v1/clients/{client.client_id}").json["client"]["name"] == "Two"
    assert patch(tenant, client, {"name": "Four"}, ("If-Match", f'"v7", {changed.one("ETag")}')).status == 200
    assert patch(tenant, client, {"name": "Five"}, ("If-Match", "*")).status == 200
    now = tenant.registry.call("GET", f"/v1/clients/{client.client_id}").one("ETag")
    assert patch(tenant, client, {"name": "Six"}, ("If-Match", f"W/{now}")).status == 200
    headers = [tenant.registry.bearer, ("If-Match", first)]
    assert send(tenant.registry.url, "DELETE", f"/v1/clients/{client.client_id}", headers).status == 412


def test_ruling_16_a_lock_protects_from_changes_and_stops_nothing(tenant: Tenant) -> None:
    """While it is locked a client works, can be unlocked alone and disabled alone; everything else is 409."""
    client = tenant.registry.create(locked=True)
    assert ask_token(tenant.registry.url, client.form).status == 200
    refused: list[dict[str, Any]] = [
        {"name": "x"}, {"client_owner": "x@example.com"}, {"token_lifetime": 300}, {"scopes": {}},
        {"locked": False, "name": "x"}, {"locked": False, "enabled": False}, {"enabled": False, "name": "x"},
    ]  # fmt: skip
    for change in refused:
        reply = patch(tenant, client, change)
        assert (reply.status, reply.json["code"]) == (409, 40409), change
        assert "nlock" in reply.json["message"]
    assert tenant.registry.call("DELETE", f"/v1/clients/{client.client_id}").status == 409
    assert patch(tenant, client, {"enabled": False}).json["client"]["locked"] is True
    assert ask_token(tenant.registry.url, client.form).status == 401
    assert patch(tenant, client, {"enabled": True}).status == 409
    assert patch(tenant, client, {"locked": False}).json["client"]["locked"] is False
    assert patch(tenant, client, {"enabled": True, "name": "Free"}).status == 200
    assert ask_token(tenant.registry.url, client.form).status == 200


def test_ruling_07_unlocking_what_was_never_locked_makes_it_false(tenant: Tenant) -> None:
    """`locked` is null until it is set, and never again."""
    client = tenant.registry.create(locked=None)
    assert tenant.registry.call("GET", f"/v1/clients/{client.client_id}").json["client"]["locked"] is None
    assert patch(tenant, client, {"locked": False}).json["client"]["locked"] is False


def test_ruling_16_every_field_of_an_update_is_refused_while_locked(tenant: Tenant) -> None:
    """Each field of the request's own type, set to something else: 409, but for unlocking and disabling; none of them is set."""
    client = tenant.registry.create(locked=True)
    path = f"/v1/clients/{client.client_id}"
    before = tenant.registry.call("GET", path)
    for field in UpdateClient.__struct_fields__:
        reply = patch(tenant, client, {field: OTHER[field]})
        if field in {"locked", "enabled"}:
            assert reply.status == 200
            tenant.registry.update(client.client_id, locked=False)
            tenant.registry.update(client.client_id, enabled=True)
            tenant.registry.update(client.client_id, locked=True)
        else:
            assert reply.status == 409, field
        assert tenant.registry.call("GET", path).json == before.json


def test_every_field_of_an_update_changes_the_etag(tenant: Tenant) -> None:
    """Whatever is set, an answer before is told from one after; and who has the old one writes over nothing."""
    client = tenant.registry.create(locked=None)
    for field in UpdateClient.__struct_fields__:
        before = tenant.registry.call("GET", f"/v1/clients/{client.client_id}").one("ETag")
        changed = patch(tenant, client, {field: OTHER[field]})
        assert (changed.status, changed.one("ETag") == before) == (200, False), field
        assert tenant.registry.call("GET", f"/v1/clients/{client.client_id}").one("ETag") == changed.one("ETag")
        assert patch(tenant, client, {"name": "Lost"}, ("If-Match", before)).status == 412


def test_every_field_of_an_account_changes_its_etag(tenant: Tenant) -> None:
    """Likewise."""
    made = tenant.registry.call("POST", "/v1/accounts", {"friendly_name": "A", "owner_email": "a@example.com"})
    path = f"/v1/accounts/{made.json['account']['id']}"
    for field in UpdateAccount.__struct_fields__:
        before = tenant.registry.call("GET", path).one("ETag")
        changed = tenant.registry.call("PATCH", path, {field: OTHER[field]})
        assert (changed.status, changed.one("ETag") == before) == (200, False), field


def test_if_match_holds_wherever_it_is_documented(tenant: Tenant) -> None:
    """Each operation that documents it is a 412 under another ETag, and changes nothing; under the current one it works."""
    documented = [
        (path, method, operation)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", ()))
    ]
    assert len(documented) >= 7
    for path, method, operation in documented:
        about = "account" if "{account_id}" in path else "client"
        if about == "account":
            body: object = DOCUMENT["components"]["schemas"]["CreateAccount"]["example"]
            made = tenant.registry.call("POST", "/v1/accounts", body).json["account"]["id"]
        else:
            made = tenant.registry.create().client_id
        where = path.format(client_id=made, account_id=made)
        shown = f"/v1/{about}s/{made}"
        current = tenant.registry.call("GET", shown)
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        content = None if schema is None else example(schema["$ref"])
        for tag, good in (('"v99"', False), (current.one("ETag"), True)):
            headers = [tenant.registry.bearer, ("If-Match", tag)]
            headers += [] if content is None else [("Content-Type", "application/json")]
            reply = send(tenant.registry.url, method.upper(), where, headers, content)
            assert (reply.status < 300) if good else reply.status == 412, (path, method, reply)
            if not good:
                assert tenant.registry.call("GET", shown).body == current.body


def example(reference: str) -> bytes:
    """Return the example of a schema of our document."""
    return json.dumps(DOCUMENT["components"]["schemas"][reference.rsplit("/", 1)[1]]["example"]).encode()


def test_disabling_and_deleting_stop_tokens_at_once(server: Server, tenant: Tenant) -> None:
    """A disabled or deleted client gets no token, its tokens are refused from the next request on, and stay dead."""
    for stop, start in (({"enabled": False}, {"enabled": True}), (None, None)):
        client = tenant.registry.create()
        token = server.token(*client)
        assert server.request("GET", "/v1/ping", token).status == 200
        if stop is None:
            tenant.registry.delete(client.client_id)
        else:
            assert patch(tenant, client, stop).status == 200
        assert server.request("GET", "/v1/ping", token).status == 401
        assert ask_token(server.url, client.form).status == 401
        if start is not None:
            assert patch(tenant, client, start).status == 200
            assert server.request("GET", "/v1/ping", token).status == 401
            fresh = server.token(*client)
            assert server.request("GET", "/v1/ping", fresh).status == 200


def test_cve_2026_55670_a_deleted_client_is_gone(tenant: Tenant) -> None:
    """After a 204 a client is in no lookup, list or count, can be neither changed nor deleted, and is like one that never was."""
    client = tenant.registry.create(name="To be deleted")
    reply = tenant.registry.call("DELETE", f"/v1/clients/{client.client_id}")
    assert (reply.status, reply.body) == (204, b"")
    never = "apiclient_" + "0" * 26
    for method, content in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        gone = tenant.registry.call(method, f"/v1/clients/{client.client_id}", content)
        unknown = tenant.registry.call(method, f"/v1/clients/{never}", content)
        assert gone.status == 404
        assert gone.steady == unknown.steady
    listed = tenant.registry.call("GET", "/v1/clients?page_size=1&page_number=1&status=any&name=to+be+deleted").json
    assert listed["meta"]["count"] == 0


def test_an_admin_client_cannot_stop_itself(tenant: Tenant) -> None:
    """Disabling or deleting the calling client is 409, and it goes on working."""
    assert patch(tenant, tenant.admin, {"enabled": False}).status == 409
    assert tenant.registry.call("DELETE", f"/v1/clients/{tenant.admin.client_id}").status == 409
    assert patch(tenant, tenant.admin, {"scopes": {}}).status == 400
    assert tenant.registry.call("GET", "/v1/ping").status == 200


def test_no_change_makes_no_version(tenant: Tenant) -> None:
    """An update that changes nothing keeps the ETag."""
    client = tenant.registry.create(name="Same")
    before = tenant.registry.call("GET", f"/v1/clients/{client.client_id}").one("ETag")
    assert patch(tenant, client, {"name": "Same", "enabled": True}).one("ETag") == before
