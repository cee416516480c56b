"""The life of an account: read, changed, suspended, its tokens revoked, deleted when it is empty."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.contract.tenant import Tenant, new_tenant
from tests.support.registry import Registry, access_token
from tests.support.server import Server
from tests.support.wire import Reply, ask_token, bearer, send


@pytest.fixture
def tenant(server: Server) -> Tenant:
    """Make a tenant of the test's own."""
    return new_tenant(server)


@pytest.fixture
def below(server: Server, tenant: Tenant) -> Tenant:
    """Make a tenant below it."""
    return new_tenant(server, tenant.account_id)


def change(registry: Registry, account_id: str, **fields: object) -> Reply:
    return registry.call("PATCH", f"/v1/accounts/{account_id}", fields)


def names(registry: Registry, query: str) -> list[str]:
    reply = registry.call("GET", f"/v1/accounts?page_size=50&page_number=1&{query}")
    assert reply.status == 200, reply
    assert reply.json["meta"]["count"] == len(reply.json["accounts"])
    return [account["friendly_name"] for account in reply.json["accounts"]]


def test_an_account_is_read_and_changed(tenant: Tenant, below: Tenant) -> None:
    """What is named changes, and nothing else; the ETag guards; the new owner is that of clients made from then on."""
    path = f"/v1/accounts/{below.account_id}"
    before = tenant.registry.call("GET", path)
    assert before.status == 200
    old = tenant.registry.create(account_id=below.account_id)
    reply = change(tenant.registry, below.account_id, friendly_name="  Grün ", owner_email="new@example.com")
    assert reply.status == 200
    assert reply.json["account"] == {
        **before.json["account"],
        "friendly_name": "Grün",
        "owner_email": "new@example.com",
    }
    assert tenant.registry.call("GET", path).json == reply.json
    headers = [bearer(tenant.registry.token), ("Content-Type", "application/json"), ("If-Match", before.one("ETag"))]
    assert send(tenant.registry.url, "PATCH", path, headers, b'{"friendly_name": "x"}').status == 412
    young = tenant.registry.create(account_id=below.account_id)
    owners = [
        tenant.registry.call("GET", f"/v1/clients/{one.client_id}").json["client"]["client_owner"]
        for one in (old, young)
    ]
    assert owners == ["t@example.com", "new@example.com"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"status": "active"}, "status"),
        ({"status": None}, "status"),
        ({"friendly_name": " "}, "friendly_name"),
        ({"owner_email": "nobody"}, "owner_email"),
        ({"parent_id": "acct_x"}, "parent_id"),
    ],
)
def test_a_change_that_is_none_is_refused(tenant: Tenant, fields: dict[str, object], named: str) -> None:
    """The message names the field, and nothing has changed."""
    path = f"/v1/accounts/{tenant.account_id}"
    before = tenant.registry.call("GET", path).body
    reply = change(tenant.registry, tenant.account_id, **fields)
    assert reply.status == 400
    assert named in reply.json["message"]
    assert tenant.registry.call("GET", path).body == before


def test_a_suspended_account_and_all_below_it_stop_at_once(server: Server, tenant: Tenant, below: Tenant) -> None:
    """No token, and no answer to a token that was issued, three levels down; those above and beside go on."""
    leaf = new_tenant(server, below.account_id)
    client = leaf.registry.create()
    token = access_token(server.url, client)
    assert change(tenant.registry, below.account_id, status="SUSPENDED").json["account"]["status"] == "SUSPENDED"
    for credentials in (below.admin, leaf.admin, client):
        assert ask_token(server.url, credentials.form).json["error"] == "invalid_client"
    assert leaf.registry.call("GET", "/v1/ping", token=token).status == 401
    assert below.registry.call("GET", "/v1/clients?page_size=1&page_number=1").status == 401
    assert tenant.registry.call("GET", f"/v1/clients/{client.client_id}").status == 200
    assert ask_token(server.url, tenant.admin.form).status == 200


def test_a_resumed_account_gets_new_tokens_and_the_old_ones_stay_dead(tenant: Tenant, below: Tenant) -> None:
    """After ACTIVE the same credentials work, the tokens from before do not, and a child's own suspension stays."""
    client = below.registry.create()
    token = access_token(tenant.registry.url, client)
    for status in ("SUSPENDED", "ACTIVE"):
        assert change(tenant.registry, below.account_id, status=status).status == 200
    assert below.registry.call("GET", "/v1/ping", token=token).status == 401
    new = access_token(tenant.registry.url, client)
    assert below.registry.call("GET", "/v1/ping", token=new).status == 200


def test_revoking_an_accounts_tokens_reaches_its_whole_tree(server: Server, tenant: Tenant, below: Tenant) -> None:
    """Every token from before is dead, the caller's own too when it is its own account; new ones are good at once."""
    client = below.registry.create()
    old = [access_token(server.url, one) for one in (client, below.admin, tenant.admin)]
    reply = tenant.registry.call("POST", f"/v1/accounts/{tenant.account_id}/revoke_tokens")
    assert reply.status == 200
    assert [tenant.registry.call("GET", "/v1/ping", token=one).status for one in old] == [401, 401, 401]
    new = access_token(server.url, client)
    assert tenant.registry.call("GET", "/v1/ping", token=new).status == 200


def test_an_account_cannot_stop_itself(tenant: Tenant) -> None:
    """Suspending and deleting one's own account is a 409, and changes nothing."""
    assert change(tenant.registry, tenant.account_id, status="SUSPENDED").status == 409
    assert tenant.registry.call("DELETE", f"/v1/accounts/{tenant.account_id}").status == 409
    assert tenant.registry.call("GET", "/v1/ping").status == 200


def test_only_an_empty_account_is_deleted(tenant: Tenant, below: Tenant) -> None:
    """With accounts or clients in it, enabled or not, it is a 409; empty it is gone from every answer, for good."""
    made = tenant.registry.call("POST", "/v1/accounts", {"friendly_name": "n", "owner_email": "n@example.com"})
    account_id = made.json["account"]["id"]
    assert made.one("Location").endswith(f"/v1/accounts/{account_id}")
    path = f"/v1/accounts/{account_id}"
    client = tenant.registry.create(account_id=account_id)
    child = tenant.registry.call(
        "POST", "/v1/accounts", {"friendly_name": "c", "owner_email": "c@example.com", "parent_id": account_id}
    ).json["account"]["id"]
    assert "accounts below" in tenant.registry.call("DELETE", path).json["message"]
    assert tenant.registry.call("DELETE", f"/v1/accounts/{child}").status == 204
    tenant.registry.update(client.client_id, enabled=False)
    assert "clients" in tenant.registry.call("DELETE", path).json["message"]
    tenant.registry.delete(client.client_id)
    assert tenant.registry.call("DELETE", path).status == 204
    for method in ("GET", "DELETE"):
        assert tenant.registry.call(method, path).status == 404
    body = {"name": "late", "locked": None, "scopes": {}, "account_id": account_id}
    assert tenant.registry.call("POST", "/v1/clients", body).status == 404
    assert "n" not in names(tenant.registry, "")


def test_an_account_is_deleted_or_gets_a_client_never_both(tenant: Tenant) -> None:
    """Of a deletion and a creation that meet one is refused."""
    for _ in range(10):
        made = tenant.registry.call("POST", "/v1/accounts", {"friendly_name": "n", "owner_email": "n@example.com"})
        account_id = made.json["account"]["id"]
        body = {"name": "late", "locked": None, "scopes": {}, "account_id": account_id}
        with ThreadPoolExecutor(2) as pool:
            created = pool.submit(tenant.registry.call, "POST", "/v1/clients", body)
            deleted = pool.submit(tenant.registry.call, "DELETE", f"/v1/accounts/{account_id}")
        assert (created.result().status, deleted.result().status) in {(201, 409), (404, 204)}


def test_accounts_are_filtered(tenant: Tenant) -> None:
    """By parent, status, a part of the name whatever its case, and owner; together; a stranger's parent has no accounts here."""
    made: dict[str, str] = {}
    for name, parent in (("Größe One", None), ("größe two", "Größe One"), ("Other", "Größe One")):
        body = {"friendly_name": name, "owner_email": f"{name[-3:]}@Example.com"}
        more = {} if parent is None else {"parent_id": made[parent]}
        made[name] = tenant.registry.call("POST", "/v1/accounts", {**body, **more}).json["account"]["id"]
    change(tenant.registry, made["Other"], status="SUSPENDED")
    assert names(tenant.registry, "friendly_name=GR%C3%96SSE") == ["größe two", "Größe One"]
    assert sorted(names(tenant.registry, f"parent_id={made['Größe One']}")) == ["Other", "größe two"]
    assert names(tenant.registry, f"parent_id={made['Größe One']}&status=ACTIVE") == ["größe two"]
    assert names(tenant.registry, "status=SUSPENDED") == ["Other"]
    assert names(tenant.registry, "owner_email=HER@example.COM") == ["Other"]
    assert names(tenant.registry, f"parent_id={tenant.account_id}") == ["Größe One"]
    assert names(tenant.registry, "parent_id=acct_00000000000000000000000000") == []
    for query in ("status=active", "friendly_name=+", "owner_email=%00"):
        reply = tenant.registry.call("GET", f"/v1/accounts?page_size=5&page_number=1&{query}")
        assert reply.status == 400
        assert query.split("=")[0] in reply.json["message"]


def test_filtered_accounts_are_walked_by_their_pages(tenant: Tenant) -> None:
    """Pages of one, forwards and back, show each account that matches once, and the count of all."""
    wanted = [f"walk {number}" for number in range(3)]
    for name in (*wanted, "else"):
        tenant.registry.call("POST", "/v1/accounts", {"friendly_name": name, "owner_email": "n@example.com"})
    seen: list[str] = []
    url = "/v1/accounts?page_size=1&page_number=1&friendly_name=WALK"
    last = ""
    while url:
        page = tenant.registry.call("GET", url[url.index("/v1/") :]).json
        assert page["meta"]["count"] == 3
        seen += [account["friendly_name"] for account in page["accounts"]]
        last, url = url, page["meta"]["next_page_url"]
    assert sorted(seen) == wanted
    page = tenant.registry.call("GET", last[last.index("/v1/") :]).json
    url = page["meta"]["previous_page_url"]
    back = tenant.registry.call("GET", url[url.index("/v1/") :]).json
    assert [account["friendly_name"] for account in back["accounts"]] == seen[1:2]


def test_an_account_that_is_managed_from_above_needs_no_admin_of_its_own(tenant: Tenant, below: Tenant) -> None:
    """Ruling 20: an admin client above manages it, too; so its own may be disabled and deleted, and the account after them."""
    path = f"/v1/clients/{below.admin.client_id}"
    assert tenant.registry.call("PATCH", path, {"enabled": False}).status == 200
    assert tenant.registry.call("DELETE", path).status == 204
    assert tenant.registry.call("DELETE", f"/v1/accounts/{below.account_id}").status == 204
