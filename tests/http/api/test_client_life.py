"""How clients are labelled, end by themselves, and come back after they were deleted."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from tests.conftest import StartServer
from tests.contract.tenant import admin_of, new_tenant
from tests.support.postgres import Postgres
from tests.support.registry import Registry, access_token, token_part
from tests.support.server import Server, clientry
from tests.support.wire import ask_token


def after(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(registry: Registry, client_id: str) -> dict[str, Any]:
    reply = registry.call("GET", f"/v1/clients/{client_id}")
    assert reply.status == 200
    return reply.json["client"]


def listed(registry: Registry, query: str) -> set[str]:
    reply = registry.call("GET", f"/v1/clients?page_size=100&page_number=1&{query}")
    assert reply.status == 200, reply
    assert reply.json["meta"]["count"] == len(reply.json["clients"])
    return {one["client_id"] for one in reply.json["clients"]}


# Labels


def test_labels_are_merged_and_removed(registry: Registry) -> None:
    """A patch sets what it names and removes what it sets to null; null alone removes all; keys come in order."""
    client_id = registry.create().client_id
    assert shown(registry, client_id)["labels"] == {}
    for patch, labels in (
        ({"team": "a:b", "env": "prod"}, {"env": "prod", "team": "a:b"}),
        ({"team": None, "x/y.z-_9": "ä 🦆"}, {"env": "prod", "x/y.z-_9": "ä 🦆"}),
        ({"unknown": None}, {"env": "prod", "x/y.z-_9": "ä 🦆"}),
        (None, {}),
    ):
        registry.update(client_id, labels=patch)
        assert list(shown(registry, client_id)["labels"].items()) == list(labels.items())


@pytest.mark.parametrize(
    "labels",
    [
        {"": "x"}, {"a b": "x"}, {"a:b": "x"}, {"a,b": "x"}, {"ä": "x"}, {"k" * 64: "x"}, {"k": ""}, {"k": "a,b"},
        {"k": "\n"}, {"k": "v" * 128}, {"k": 1}, [], "env:prod", {f"k{number}": "v" for number in range(33)},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_label_is_refused(registry: Registry, labels: object) -> None:
    """A 400 that names the field, and nothing changes."""
    client_id = registry.create().client_id
    reply = registry.call("PATCH", f"/v1/clients/{client_id}", {"labels": labels, "name": "other"})
    assert reply.status == 400
    assert "labels" in reply.json["message"]
    assert shown(registry, client_id)["name"] != "other"


def test_a_list_is_filtered_by_labels(registry: Registry) -> None:
    """Clients are found by all of the labels that are named, whole ones only, together with other filters and pages."""
    owner = "labels@example.com"
    sets = ({"env": "prod", "team": "a"}, {"env": "prod", "team": "ab"}, {"env": "production"}, {"xenv": "prod"}, {})
    ids: list[str] = []
    for labels in sets:
        ids.append(registry.create().client_id)
        registry.update(ids[-1], labels=labels, client_owner=owner)
    owned = f"client_owner={owner}"
    assert listed(registry, f"{owned}&labels=env:prod") == set(ids[:2])
    assert listed(registry, f"{owned}&labels=team:a,env:prod") == {ids[0]}
    assert listed(registry, f"{owned}&labels=env:prod,env:production") == set()
    assert listed(registry, f"{owned}&labels=ENV:prod") == set()
    assert listed(registry, f"{owned}&name=client&client_type=standard&labels=xenv:prod") == {ids[3]}
    first = registry.call("GET", f"/v1/clients?page_size=1&page_number=1&{owned}&labels=env%3Aprod").json
    assert first["meta"]["count"] == 2
    second = registry.call("GET", first["meta"]["next_page_url"].removeprefix(registry.url)).json
    assert {page["clients"][0]["client_id"] for page in (first, second)} == set(ids[:2])


@pytest.mark.parametrize(
    "text", ["env", "env:", ":prod", "env:prod,", ",", "e v:x", ",".join(f"k{n}:v" for n in range(33))]
)
def test_what_is_no_filter_for_labels_is_refused(registry: Registry, text: str) -> None:
    """A 400 that says how labels are written, or what a value is."""
    reply = registry.call("GET", f"/v1/clients?page_size=5&page_number=1&labels={quote(text)}")
    assert reply.status == 400
    assert "labels" in reply.json["message"]


# The end


def test_a_client_ends_by_itself(registry: Registry) -> None:
    """No token lives longer than its client; from its last second on it gets no token and no answer; then it comes back."""
    client = registry.create()
    end = after(3)
    registry.update(client.client_id, expires_at=end)
    reply = ask_token(registry.url, client.form)
    claims = token_part(reply.json["access_token"], 1)
    assert claims["exp"] == datetime.fromisoformat(end).timestamp()
    assert reply.json["expires_in"] == claims["exp"] - claims["iat"]
    assert registry.call("GET", "/v1/ping", token=reply.json["access_token"]).status == 200
    time.sleep(3.1)
    assert ask_token(registry.url, client.form).status == 401
    assert registry.call("GET", "/v1/ping", token=reply.json["access_token"]).status == 401
    registry.update(client.client_id, expires_at=None)
    assert shown(registry, client.client_id)["expires_at"] is None
    assert ask_token(registry.url, client.form).status == 200


def test_a_disabled_client_whose_time_is_over_needs_a_new_end(registry: Registry) -> None:
    """Enabling it alone is a 409; with an end that is to come it works again."""
    client = registry.create()
    registry.update(client.client_id, enabled=False, expires_at=after(1.5))
    time.sleep(1.6)
    refused = registry.call("PATCH", f"/v1/clients/{client.client_id}", {"enabled": True})
    assert refused.status == 409
    assert "expires_at" in refused.json["message"]
    registry.update(client.client_id, enabled=True, expires_at=after(3600))
    assert ask_token(registry.url, client.form).status == 200


@pytest.mark.parametrize("end", ["2001-01-01T00:00:00Z", "2100-01-01T00:00:00", "tomorrow", "", 4_000_000_000])
def test_what_is_no_end_is_refused(registry: Registry, end: object) -> None:
    """A time without a zone, in the past, or none at all is a 400 that names the field."""
    client_id = registry.create().client_id
    reply = registry.call("PATCH", f"/v1/clients/{client_id}", {"expires_at": end})
    assert reply.status == 400
    assert "expires_at must be" in reply.json["message"]


def test_the_last_admin_client_gets_no_end(start_server: StartServer) -> None:
    """Neither by itself nor by one below that would be the only help: somebody must be left in the account or above it."""
    server = start_server()
    first, second = server.admin, admin_of(server, server.account_id)
    registry, below = Registry(server.url, second), new_tenant(server)
    own = registry.call("PATCH", f"/v1/clients/{second.client_id}", {"expires_at": after(60)})
    assert own.status == 409
    registry.update(first.client_id, expires_at=after(600))
    acting = Registry(server.url, first)
    for change in ({"expires_at": after(60)}, {"enabled": False}):
        last = acting.call("PATCH", f"/v1/clients/{second.client_id}", change)
        assert (last.status, "last admin client" in last.json["message"]) == (409, True)
    assert acting.call("DELETE", f"/v1/clients/{second.client_id}").status == 409
    acting.update(below.admin.client_id, enabled=False)


# Restoring


def test_a_deleted_client_comes_back_as_it_was(registry: Registry) -> None:
    """With its secret, its labels and its places in lists and counts; its tokens from before are dead; both are audited."""
    client = registry.create()
    registry.update(client.client_id, labels={"env": "restored"}, client_owner="restored@example.com")
    before = shown(registry, client.client_id)
    token = access_token(registry.url, client)
    registry.delete(client.client_id)
    assert ask_token(registry.url, client.form).status == 401
    assert listed(registry, "labels=env:restored&status=any") == set()
    reply = registry.call("POST", f"/v1/clients/{client.client_id}/restore")
    assert (reply.status, reply.json["client"]) == (200, before)
    assert shown(registry, client.client_id) == before
    assert listed(registry, "labels=env:restored") == {client.client_id}
    assert registry.call("GET", "/v1/ping", token=token).status == 401
    fresh = access_token(registry.url, client)
    assert registry.call("GET", "/v1/ping", token=fresh).status == 200
    again = registry.call("POST", f"/v1/clients/{client.client_id}/restore")
    assert (again.status, again.json["client"]) == (200, before)
    assert registry.call("GET", "/v1/ping", token=fresh).status == 200


def test_ruling_23_deleted_clients_are_listed_while_they_can_be_restored(server: Server) -> None:
    """Newest first, with when they were deleted and until when they come back, in pages and by filters; of the own tree alone."""
    tenant, other = new_tenant(server), new_tenant(server)
    registry = tenant.registry
    clients = [registry.create(name=f"gone {number}", labels={"n": f"v{number % 2}"}) for number in range(5)]
    stranger = other.registry.create()
    assert listed(registry, "status=deleted") == set()
    for client in clients[:4]:
        registry.delete(client.client_id)
    other.registry.delete(stranger.client_id)
    gone = {client.client_id for client in clients[:4]}
    assert listed(registry, "status=deleted") == gone
    assert listed(registry, "status=any") & gone == set()
    assert listed(registry, "status=deleted&labels=n:v1&name=GONE") == {clients[1].client_id, clients[3].client_id}
    assert listed(registry, "status=deleted&client_type=admin") == set()
    assert listed(registry, f"status=deleted&account_id={other.account_id}") == set()
    walked: list[dict[str, Any]] = []
    path = "/v1/clients?page_size=3&page_number=1&status=deleted"
    while path:
        page = registry.call("GET", path).json
        walked += page["clients"]
        path = page["meta"]["next_page_url"].removeprefix(registry.url)
    assert len(walked) == len(gone)
    assert walked == sorted(walked, key=lambda one: (one["date_created"], one["client_id"]), reverse=True)
    for one in walked:
        deleted, until = (datetime.fromisoformat(one[name]) for name in ("date_deleted", "restorable_until"))
        assert until - deleted == timedelta(days=30)
        assert abs((datetime.now(UTC) - deleted).total_seconds()) < 60
    back = registry.call("POST", f"/v1/clients/{clients[0].client_id}/restore").json["client"]
    assert not {"date_deleted", "restorable_until"} & set(back)
    assert listed(registry, "status=deleted") == gone - {clients[0].client_id}
    printed = clientry("clients", "list", "--status", "deleted", "--account", tenant.account_id, data=server.data)
    assert {one["client_id"] for one in printed["clients"]} == gone - {clients[0].client_id}
    assert all(one["restorable_until"] for one in printed["clients"])


def test_p01_nobody_restores_a_client_of_another_tenant(server: Server) -> None:
    """Of another account, or of the one above, it is a 404 like one that never was, and stays deleted."""
    above = new_tenant(server)
    mine, other = new_tenant(server, above.account_id), new_tenant(server)
    never = mine.registry.call("POST", "/v1/clients/apiclient_" + "0" * 26 + "/restore")
    for owner in (above, other):
        client = owner.registry.create()
        owner.registry.delete(client.client_id)
        reply = mine.registry.call("POST", f"/v1/clients/{client.client_id}/restore")
        assert (reply.status, reply.steady) == (404, never.steady)
        assert owner.registry.call("GET", f"/v1/clients/{client.client_id}").status == 404
        assert owner.registry.call("POST", f"/v1/clients/{client.client_id}/restore").status == 200


def test_a_client_of_a_deleted_account_does_not_come_back(registry: Registry) -> None:
    """It is a 409 that says why."""
    made = registry.call("POST", "/v1/accounts", {"friendly_name": "A", "owner_email": "a@example.com"})
    account_id = made.json["account"]["id"]
    client = registry.create(account_id=account_id)
    registry.delete(client.client_id)
    assert registry.call("DELETE", f"/v1/accounts/{account_id}").status == 204
    refused = registry.call("POST", f"/v1/clients/{client.client_id}/restore")
    assert refused.status == 409
    assert "account" in refused.json["message"]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_after_the_window_a_deleted_client_is_gone(start_server: StartServer, postgres: Postgres, engine: str) -> None:
    """Where the operator keeps deleted clients for a second, one is a 404 after two, like one that never was."""
    database = postgres.new_database() if engine == "postgresql" else None
    server = start_server(env={"CLIENTRY_RESTORE_WINDOW": "1"}, database=database)
    registry = Registry(server.url, server.admin)
    client = registry.create()
    registry.delete(client.client_id)
    time.sleep(2.1)
    gone = registry.call("POST", f"/v1/clients/{client.client_id}/restore")
    never = registry.call("POST", "/v1/clients/apiclient_" + "0" * 26 + "/restore")
    assert gone.status == never.status == 404
    assert gone.steady == never.steady
