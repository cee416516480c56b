"""Who may do what: every operation of the route table, asked by every role, about every tenant.

The operations are read off the route table, and the bodies from the examples of the OpenAPI document: a new route is in here
without being told.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from tests.contract.tenant import Tenant, admin_of, new_tenant
from tests.support.registry import Credentials
from tests.support.server import Server
from tests.support.wire import Reply, bearer, send

from clientry.http.app import Operation, Parts, operations
from clientry.http.oauth.well_known import TOKEN_PATH
from clientry.records.scope import RESOURCES

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "contract" / "clientry.openapi.json").read_text("utf-8")
)
NOT_IN_TABLE = {
    "issueToken",
    "getAuthorizationServerMetadata",
    "getOpenIdConfiguration",
    "getJwkSet",
    "getHealth",
    "getReadiness",
}
"""Operations that ask for no access token: they stand in the route table as documents, or by themselves."""


class _Anything:
    """Stands for the handlers: only the table around them is read."""

    def __getattr__(self, _name: str) -> Any:
        return _Anything()


OPERATIONS = operations(cast("Parts", _Anything()))


def needed(operation: Operation) -> str | None:
    """Return the scope that an operation needs, as the OpenAPI document says, which is not made from the table."""
    ((scheme, scopes),) = DOCUMENT["paths"][operation.path][operation.method.lower()]["security"][0].items()
    assert scheme == "Auth"
    return scopes[0] if scopes else None


class Cast(NamedTuple):
    """Two tenants that know nothing of each other, the tenant above one of them and the one below, and their tokens."""

    server: Server
    mine: Tenant
    above: Tenant
    below: Tenant
    other: Tenant
    standard: Credentials


@pytest.fixture(scope="module")
def players(server: Server) -> Cast:
    """Set the stage."""
    above = new_tenant(server)
    mine = new_tenant(server, above.account_id)
    below = new_tenant(server, mine.account_id)
    return Cast(server, mine, above, below, new_tenant(server), mine.registry.create())


def second_secret(server: Server, client_id: str) -> str:
    """Return a secret of a client that it can do without, made by the operator's own admin client; of no client, anything."""
    path = f"/v1/clients/{client_id}/secrets"
    token = server.token(*server.admin)
    server.request("POST", path, token, json={"others_end_after": "24h"})
    listed = server.request("GET", path, token)
    return listed.json["secrets"][0]["secret_id"] if listed.status == 200 else "secret_" + "0" * 26


def child_account(tenant: Tenant) -> str:
    """Return a new account below a tenant's, empty."""
    made = tenant.registry.call("POST", "/v1/accounts", DOCUMENT["components"]["schemas"]["CreateAccount"]["example"])
    return made.json["account"]["id"]


def ask(server: Server, operation: Operation, token: str | None, client_id: str = "", account_id: str = "") -> Reply:
    """Send an operation with a good body and good parameters."""
    path = operation.path.replace("{client_id}", client_id or "apiclient_" + "0" * 26)
    path = path.replace("{account_id}", account_id or "acct_" + "0" * 26)
    path = path.replace("{secret_id}", second_secret(server, client_id) if "{secret_id}" in path else "")
    if operation.operation_id.startswith("list"):
        path += "?page_size=5&page_number=1"
    headers = [bearer(token)] if token is not None else []
    body = None
    if operation.request is not None:
        headers.append(("Content-Type", "application/json"))
        body = json.dumps(DOCUMENT["components"]["schemas"][operation.request.__name__]["example"]).encode()
    return send(server.url, operation.method, path, headers, body)


def test_p05_routes_and_document_agree_both_ways() -> None:
    """Every operation of the table is documented at its place with its scope, and every documented one is routed."""
    documented = {
        operation["operationId"]: (method.upper(), path, operation.get("security"))
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
    }
    for operation in OPERATIONS:
        method, path, security = documented.pop(operation.operation_id)
        assert (method, path) == (operation.method, operation.path)
        assert security == [{"Auth": [operation.needs] if operation.needs else []}]
    assert set(documented) == NOT_IN_TABLE


def test_p05_what_needs_no_token_is_there(server: Server) -> None:
    """The documented operations outside the table answer at their places."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if operation["operationId"] in NOT_IN_TABLE:
                status = send(server.url, method.upper(), path).status
                assert status == (400 if path == TOKEN_PATH else 200)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_b01_b02_nobody_gets_in_without_a_good_token(players: Cast, operation: Operation) -> None:
    """Without a token, with nonsense, and with the token of a client that was disabled or deleted since: 401."""
    server, registry = players.server, players.mine.registry
    disabled, deleted = (admin_of(server, players.mine.account_id) for _ in range(2))
    tokens = [server.token(*admin) for admin in (disabled, deleted)]
    registry.update(disabled.client_id, enabled=False)
    registry.delete(deleted.client_id)
    for token in (None, "nonsense", *tokens):
        reply = ask(server, operation, token, players.mine.admin.client_id)
        assert reply.status == 401
        assert reply.one("WWW-Authenticate").startswith("Bearer ")
        assert ("invalid_token" in reply.one("WWW-Authenticate")) is (token is not None)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_p03_ruling_09_standard_clients_use_no_registry(players: Cast, operation: Operation) -> None:
    """A standard client gets 403 with a message that says what is needed, about its own client, too; only ping is for all."""
    token = players.server.token(*players.standard)
    for target in ("", players.standard.client_id, players.mine.admin.client_id):
        reply = ask(players.server, operation, token, target)
        assert reply.status == (200 if needed(operation) is None else 403)
        if needed(operation) is not None:
            assert "admin client is needed" in reply.json["message"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_b03_cve_2026_54560_each_operation_needs_its_own_scope(players: Cast, operation: Operation) -> None:
    """With every other scope it is 403 insufficient_scope naming the one that is missing; with that one alone it works."""
    server, needs = players.server, needed(operation)
    for scopes, enough in ((tuple(s for s in RESOURCES if s != needs), False), ((needs,), True)):
        if needs is None:
            assert ask(server, operation, server.token(*players.mine.admin, RESOURCES[0])).status == 200
            continue
        held = tuple(scope for scope in scopes if scope)
        narrowed = server.token(*players.mine.admin, " ".join(held))
        registered = server.token(*admin_of(server, players.mine.account_id, held))
        for token in (narrowed, registered):
            target = players.mine.registry.create().client_id
            reply = ask(server, operation, token, target, child_account(players.mine))
            assert (reply.status < 300) is enough, (reply.status, reply.body)
            if not enough:
                assert reply.status == 403
                assert f'scope="{needs}"' in reply.one("WWW-Authenticate")
                assert 'error="insufficient_scope"' in reply.one("WWW-Authenticate")


ON_CLIENT = [operation for operation in OPERATIONS if "{client_id}" in operation.path]
ON_ACCOUNT = [operation for operation in OPERATIONS if "{account_id}" in operation.path]
ODD = ("x", "apiclient_", "acct_", "%00", "%F0%9F%A6%86", "apiclient_" + "0" * 25, "a" * 2000, "%ED%A0%80")


@pytest.mark.parametrize("operation", ON_CLIENT, ids=lambda operation: operation.operation_id)
def test_p01_cve_2025_64431_another_tenants_client_does_not_exist(players: Cast, operation: Operation) -> None:
    """A client of another tenant, and of the account above, is byte for byte like one that never was, and stays as it is."""
    server = players.server
    token = server.token(*players.mine.admin)
    never = ask(server, operation, token)
    assert never.status == 404
    for tenant in (players.other, players.above):
        victim, deleted = tenant.registry.create(), tenant.registry.create()
        before = tenant.registry.call("GET", f"/v1/clients/{victim.client_id}").body
        tenant.registry.delete(deleted.client_id)
        assert ask(server, operation, token, victim.client_id).steady == never.steady
        assert ask(server, operation, token, deleted.client_id).steady == never.steady
        assert tenant.registry.call("GET", f"/v1/clients/{victim.client_id}").body == before
        assert tenant.registry.call("GET", f"/v1/clients/{deleted.client_id}").status == 404
        assert server.token(*victim)
    for odd in ODD:
        assert ask(server, operation, token, odd).steady == never.steady


@pytest.mark.parametrize("operation", ON_CLIENT, ids=lambda operation: operation.operation_id)
def test_ruling_09_an_admin_client_rules_its_tree(players: Cast, operation: Operation) -> None:
    """Clients of one's own account and of those below can be read, changed and deleted."""
    token = players.server.token(*players.mine.admin)
    for tenant in (players.mine, players.below):
        target = tenant.registry.create().client_id
        assert ask(players.server, operation, token, target).status < 300


@pytest.mark.parametrize("operation", ON_ACCOUNT, ids=lambda operation: operation.operation_id)
def test_p01_cve_2025_64431_another_tenants_account_does_not_exist(players: Cast, operation: Operation) -> None:
    """Another tenant's account, and the account above, is byte for byte like one that never was, and stays as it is."""
    server = players.server
    token = server.token(*players.mine.admin)
    never = ask(server, operation, token)
    assert never.status == 404
    for tenant in (players.other, players.above):
        victim = tenant.account_id
        before = tenant.registry.call("GET", f"/v1/accounts/{victim}").body
        assert ask(server, operation, token, account_id=victim).steady == never.steady
        assert tenant.registry.call("GET", f"/v1/accounts/{victim}").body == before
        assert server.token(*tenant.admin)
    for odd in ODD:
        assert ask(server, operation, token, account_id=odd).steady == never.steady


@pytest.mark.parametrize("operation", ON_ACCOUNT, ids=lambda operation: operation.operation_id)
def test_ruling_09_an_admin_client_rules_the_accounts_below(players: Cast, operation: Operation) -> None:
    """Accounts below one's own, at any depth, can be read, changed and deleted."""
    token = players.server.token(*players.mine.admin)
    for tenant in (players.mine, players.below):
        assert ask(players.server, operation, token, account_id=child_account(tenant)).status < 300


def test_p01_lists_show_one_tree(players: Cast) -> None:
    """No list shows anything of another tenant or of the account above."""
    token = players.server.token(*players.mine.admin)
    strangers = (players.other, players.above)
    for operation in OPERATIONS:
        if operation.operation_id.startswith("list"):
            shown = ask(players.server, operation, token).body.decode()
            assert not any(
                tenant.account_id in shown.replace(f'"parent_id":"{players.above.account_id}"', "")
                for tenant in strangers
            )
