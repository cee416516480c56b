"""Products, as they are configured: listed, added and retired while clients and tokens live."""

import json
from typing import Any

from tests.conftest import StartServer
from tests.support.registry import Credentials, Registry, access_token, token_part
from tests.support.server import Server
from tests.support.wire import ask_token

ISSUER = "http://127.0.0.1:8080"
TEA = {"name": "Tea", "audience": "urn:tea", "description": "All teas."}
ICE = {"name": "Ice", "audience": "urn:ice"}
JAM = {"name": "Jam", "audience": "urn:jam"}


def test_every_client_sees_the_products(registry: Registry, client: Credentials) -> None:
    """In the configured order, for standard clients, too; without a token it is a 401."""
    for token in (registry.token, access_token(registry.url, client)):
        reply = registry.call("GET", "/v1/products", token=token)
        assert reply.status == 200
        assert [one["name"] for one in reply.json["products"]] == ["SuperSIM", "ProgrammableWireless"]
    assert registry.call("GET", "/v1/products", token="nonsense").status == 401


def test_products_come_and_go_with_live_clients_and_tokens(start_server: StartServer) -> None:
    """One that is added can be given at once; a retired one is given to nobody and kept; one that is gone is held by nobody."""
    server = start_server(env=products(TEA, ICE))
    registry = Registry(server.url, server.admin)
    client = registry.create(products=("Tea", "Ice"))
    token = access_token(server.url, client)

    registry = restarted(server, start_server, TEA, {**ICE, "retired": True}, JAM)
    listed = registry.call("GET", "/v1/products").json["products"]
    assert [(one["name"], one["retired"]) for one in listed] == [("Tea", False), ("Ice", True), ("Jam", False)]
    assert registry.call("GET", "/v1/ping", token=token).status == 200
    held = ask_token(registry.url, client.form).json
    assert held["scope"] == "Tea Ice"
    assert set(token_part(held["access_token"], 1)["aud"]) == {ISSUER, "urn:tea", "urn:ice"}
    body = {"name": "x", "locked": False, "scopes": {"products": ["Ice"]}}
    refused = registry.call("POST", "/v1/clients", body)
    assert refused.status == 400
    assert "Known are: Tea, Jam." in refused.json["message"]
    path = f"/v1/clients/{client.client_id}"
    kept = registry.call("PATCH", path, {"scopes": {"products": ["Ice", "Jam"]}})
    assert kept.json["client"]["scopes"]["products"] == ["Ice", "Jam"]
    dropped = registry.call("PATCH", path, {"scopes": {"products": ["Jam"]}})
    assert dropped.json["client"]["scopes"]["products"] == ["Jam"]
    assert registry.call("PATCH", path, {"scopes": {"products": ["Ice"]}}).status == 400

    registry = restarted(server, start_server, JAM)
    assert registry.call("GET", "/v1/ping", token=held["access_token"]).status == 200
    assert ask_token(registry.url, client.form).json["scope"] == "Jam"
    assert ask_token(registry.url, {**client.form, "scope": "Tea"}).json["error"] == "invalid_scope"


def products(*configured: dict[str, Any]) -> dict[str, str]:
    return {"CLIENTRY_PRODUCTS": json.dumps(configured), "CLIENTRY_PUBLIC_URL": ISSUER}


def restarted(server: Server, start_server: StartServer, *configured: dict[str, Any]) -> Registry:
    """Start the server again, with other products."""
    server.stop()
    again = start_server(server.data, env=products(*configured))
    return Registry(again.url, again.admin)
