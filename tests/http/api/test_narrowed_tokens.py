"""Tokens for an account below: one credential of a parent's admin client for all of its child accounts."""

from typing import Any

import pytest
from tests.contract.tenant import Tenant, admin_of, new_tenant
from tests.support.registry import token_part
from tests.support.server import Server
from tests.support.wire import Reply, ask_token, refused


@pytest.fixture(scope="module")
def above(server: Server) -> Tenant:
    """Give an account with two others below it."""
    return new_tenant(server)


@pytest.fixture(scope="module")
def child(server: Server, above: Tenant) -> Tenant:
    """Give the one that tokens are asked for."""
    return new_tenant(server, above.account_id)


@pytest.fixture(scope="module")
def sibling(server: Server, above: Tenant) -> Tenant:
    """Give the one that such a token must not reach."""
    return new_tenant(server, above.account_id)


def ask(server: Server, tenant: Tenant, account_id: str, **fields: str) -> Reply:
    return ask_token(server.url, {**tenant.admin.form, "account_id": account_id, **fields})


def narrowed(server: Server, tenant: Tenant, account_id: str) -> str:
    reply = ask(server, tenant, account_id)
    assert reply.status == 200, reply
    return reply.json["access_token"]


def call(tenant: Tenant, token: str, method: str, path: str, body: object = None) -> Reply:
    return tenant.registry.call(method, path, body, token)


def new_account(tenant: Tenant, token: str | None = None) -> str:
    body = {"friendly_name": "Below", "owner_email": "below@example.com"}
    reply = tenant.registry.call("POST", "/v1/accounts", body, token)
    assert reply.status == 201
    return reply.json["account"]["id"]


def client_body(**fields: Any) -> dict[str, Any]:
    return {"name": "made with a narrowed token", "locked": False, "scopes": {"products": []}, **fields}


def test_a_narrowed_token_sees_one_tree(server: Server, above: Tenant, child: Tenant, sibling: Tenant) -> None:
    """It says which account it is for; lists, gets and changes end at that account; what is made without one is made there."""
    token = narrowed(server, above, child.account_id)
    claims = token_part(token, 1)
    assert (claims["account_id"], claims["client_id"]) == (child.account_id, above.admin.client_id)
    made = call(child, token, "POST", "/v1/clients", client_body())
    assert made.json["account_id"] == child.account_id
    below = new_account(child, token)
    assert call(child, token, "GET", f"/v1/accounts/{below}").json["account"]["parent_id"] == child.account_id
    listed = call(child, token, "GET", "/v1/clients?page_size=100&page_number=1").json
    own = child.registry.call("GET", "/v1/clients?page_size=100&page_number=1").json
    assert listed["clients"] == own["clients"]
    assert listed["meta"]["count"] == own["meta"]["count"]
    accounts = call(child, token, "GET", "/v1/accounts?page_size=100&page_number=1").json
    assert {one["id"] for one in accounts["accounts"]} == {child.account_id, below}
    for path in (
        f"/v1/accounts/{above.account_id}",
        f"/v1/accounts/{sibling.account_id}",
        f"/v1/clients/{above.admin.client_id}",
        f"/v1/clients/{sibling.admin.client_id}",
    ):
        assert call(child, token, "GET", path).status == 404
        assert call(child, token, "DELETE", path).status == 404
        assert above.registry.call("GET", path).status == 200
    for account_id in (above.account_id, sibling.account_id):
        assert call(child, token, "POST", "/v1/clients", client_body(account_id=account_id)).status == 404


def test_any_other_account_is_an_invalid_request(server: Server, above: Tenant, child: Tenant, sibling: Tenant) -> None:
    """One that is above, beside, deleted, suspended, unknown or no id at all looks the same; a standard client has none."""
    gone, still = new_account(above), new_account(above)
    above.registry.call("DELETE", f"/v1/accounts/{gone}")
    above.registry.call("PATCH", f"/v1/accounts/{still}", {"status": "SUSPENDED"})
    unknown = "acct_" + "0" * 26
    answers = [
        ask(server, child, account_id)
        for account_id in (above.account_id, sibling.account_id, server.account_id, unknown, "x", "a" * 500)
    ]
    answers += [ask(server, above, account_id) for account_id in (gone, still)]
    standard = above.registry.create()
    answers.append(ask_token(server.url, {**standard.form, "account_id": child.account_id}))
    for reply in answers:
        refused(reply, 400, "invalid_request")
    assert len({reply.body for reply in answers}) == 1
    assert ask(server, above, child.account_id, client_secret="wrong").status == 401
    own = ask_token(server.url, {**standard.form, "account_id": above.account_id})
    assert token_part(own.json["access_token"], 1)["account_id"] == above.account_id


def test_scopes_are_those_of_the_client(server: Server, above: Tenant, child: Tenant) -> None:
    """A narrowed token can be narrowed in its scopes, too, and is checked for them."""
    reply = ask(server, above, child.account_id, scope="accounts:read")
    token = reply.json["access_token"]
    assert call(child, token, "GET", f"/v1/accounts/{child.account_id}").status == 200
    assert call(child, token, "GET", f"/v1/clients/{child.admin.client_id}").status == 403


@pytest.mark.parametrize("stop", ["suspend", "revoke", "delete", "disable", "revoke_client"])
def test_a_narrowed_token_is_dead_with_either_of_the_two(server: Server, above: Tenant, stop: str) -> None:
    """Suspending or deleting the account, stopping the client, or revoking the tokens of either stops it at once."""
    parent = new_tenant(server, above.account_id)
    admin_of(server, parent.account_id)
    account_id = new_account(parent)
    token = narrowed(server, parent, account_id)
    assert parent.registry.call("GET", "/v1/ping", token=token).status == 200
    account, client = f"/v1/accounts/{account_id}", f"/v1/clients/{parent.admin.client_id}"
    done = {
        "suspend": lambda: above.registry.call("PATCH", account, {"status": "SUSPENDED"}),
        "revoke": lambda: above.registry.call("POST", f"{account}/revoke_tokens"),
        "delete": lambda: above.registry.call("DELETE", account),
        "disable": lambda: above.registry.call("PATCH", client, {"enabled": False}),
        "revoke_client": lambda: above.registry.call("POST", f"{client}/revoke_tokens"),
    }[stop]()
    assert done.status < 300, done
    assert above.registry.call("GET", "/v1/ping", token=token).status == 401
    if stop == "revoke":
        assert above.registry.call("GET", "/v1/ping", token=narrowed(server, parent, account_id)).status == 200


def test_nobody_suspends_the_account_that_their_token_is_for(server: Server, above: Tenant, child: Tenant) -> None:
    """It is the caller's own account then: a 409."""
    token = narrowed(server, above, child.account_id)
    reply = call(child, token, "PATCH", f"/v1/accounts/{child.account_id}", {"status": "SUSPENDED"})
    assert reply.status == 409


def test_one_idempotency_key_is_another_for_each_account(
    server: Server, above: Tenant, child: Tenant, sibling: Tenant
) -> None:
    """The same key and body with tokens for two accounts make two clients."""
    ids: set[str] = set()
    for tenant in (child, sibling, child):
        token = narrowed(server, above, tenant.account_id)
        headers = {"Idempotency-Key": "the-same-for-both"}
        reply = server.request("POST", "/v1/clients", token, client_body(), headers)
        assert reply.status == 201
        ids.add(reply.json["client_id"])
    assert len(ids) == 2
