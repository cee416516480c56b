"""Creating clients and accounts: rulings 7 to 10, and what bad input gets."""

import json
import re
import socket
import threading
import time
from typing import Any

import pytest
from tests.contract.published import send
from tests.contract.tenant import Tenant, body, new_tenant
from tests.support.server import Server
from tests.support.wire import Reply

PATH = "/v1/clients"
JSON = ("Content-Type", "application/json")


@pytest.fixture(scope="module")
def tenant(server: Server) -> Tenant:
    """Give an account in which refused creations are counted."""
    return new_tenant(server)


def post(tenant: Tenant, content: bytes, *headers: tuple[str, str]) -> Reply:
    sent = [tenant.registry.bearer, *(headers or (JSON,))]
    return send(tenant.registry.url, "POST", PATH, sent, content)


def count(tenant: Tenant) -> int:
    return tenant.registry.call("GET", f"{PATH}?page_size=1&page_number=1&status=any").json["meta"]["count"]


@pytest.mark.parametrize("locked", [True, False, None])
def test_ruling_10_the_201_has_every_field_and_the_secret_once(tenant: Tenant, locked: bool | None) -> None:
    """The answer fits 201CreateClient, is not to be stored, says where the client is, and that the secret is shown once."""
    reply = tenant.registry.call("POST", PATH, body(name="  Trimmed  ", locked=locked))
    made = reply.json
    assert (reply.status, made["name"], made["locked"], made["client_type"]) == (201, "Trimmed", locked, "standard")
    assert (made["account_id"], made["client_owner"]) == (tenant.account_id, "t@example.com")
    assert re.fullmatch("apiclient_[0-9a-hjkmnp-tv-z]{26}", made["client_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["date_created"])
    assert reply.one("Cache-Control") == "no-store"
    assert reply.one("Location") == f"{tenant.registry.url}/v1/clients/{made['client_id']}"
    assert "once" in made["message"]
    assert ("lock protects" in made["message"]) is (locked is True)
    got = tenant.registry.call("GET", f"{PATH}/{made['client_id']}")
    shared = {name: value for name, value in made.items() if name not in {"message", "client_secret"}}
    assert shared.items() <= got.json["client"].items()


@pytest.mark.parametrize(
    ("fields", "products"),
    [
        ({"scopes": {}}, []),
        ({"scopes": {"products": []}}, []),
        (
            {"scopes": {"products": ["ProgrammableWireless", "SuperSIM", "SuperSIM"]}},
            ["SuperSIM", "ProgrammableWireless"],
        ),
        ({"name": "x" * 255}, ["SuperSIM"]),
        ({"name": "🦆" * 255}, ["SuperSIM"]),
        ({"name": "a\u200db \u200f"}, ["SuperSIM"]),
    ],
)
def test_ruling_07_what_may_be_created(tenant: Tenant, fields: dict[str, Any], products: list[str]) -> None:
    """Scopes may be empty, duplicates are dropped, names have up to 255 code points and need not be unique."""
    made = tenant.registry.call("POST", PATH, body(**fields))
    assert made.status == 201
    client = tenant.registry.call("GET", f"{PATH}/{made.json['client_id']}").json["client"]
    assert client["scopes"] == {"products": products}
    assert client["name"] == fields.get("name", "contract").strip()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in body().items() if key != name}


BAD_BODIES: list[tuple[object, str]] = [
    (without("name"), "name"),
    (without("locked"), "locked"),
    (without("scopes"), "scopes"),
    (body(name=""), "name"),
    (body(name="   "), "name"),
    (body(name="x" * 256), "name"),
    (body(name=5), "name"),
    (body(name=None), "name"),
    (body(name="a\0b"), "name"),
    (body(name="a\x7fb"), "name"),
    (body(name="a\nb"), "name"),
    (body(name="\x85x\x9f"), "name"),
    (body(locked="false"), "locked"),
    (body(locked=0), "locked"),
    (body(locked=[]), "locked"),
    (body(scopes=None), "scopes"),
    (body(scopes=[]), "scopes"),
    (body(scopes={"product": ["SuperSIM"]}), "scopes.product"),
    (body(scopes={"products": None}), "scopes.products"),
    (body(scopes={"products": "SuperSIM"}), "scopes.products"),
    (body(scopes={"products": ["Unknown"]}), "scopes.products[0]"),
    (body(scopes={"products": ["SuperSIM", 1]}), "scopes.products"),
    (body(scopes={"products": ["supersim"]}), "scopes.products[0]"),
    (body(scopes={"products": ["clients:read"]}), "scopes.products[0]"),
    (body(account_id=None), "account_id"),
    (body(account_id=5), "account_id"),
    (body(client_type="admin"), "client_type"),
    (body(client_id="apiclient_x"), "client_id"),
    (body(client_owner="a@b.example"), "client_owner"),
    (body(enabled=False), "enabled"),
    (body(token_lifetime=300), "token_lifetime"),
    (body(**{"näme\n": 1}), "n\\xe4me"),
    ([], "body"),
    (None, "body"),
    ("text", "body"),
]
BAD_BYTES = [
    (b"", "JSON"),
    (b"{", "JSON"),
    (b'{"name": "x", "locked": false, "scopes": {}} trailing', "JSON"),
    (b'{"name": "\\ud800", "locked": false, "scopes": {}}', "name"),
    (b'{"\\ud800": 1, "name": "x", "locked": false, "scopes": {}}', "\\ud800"),
    (b'{"name": "x", "locked": false, "scopes": {"\\udfff": []}}', "\\udfff"),
    (b'{"name": "x", "locked": true, "locked": false, "scopes": {}}', "locked"),
    (b'{"name": "x", "locked": false, "scopes": {"products": [], "products": []}}', "products"),
    (b'{"name": "x", "locked": NaN, "scopes": {}}', "NaN"),
    (b'{"name": "x", "locked": Infinity, "scopes": {}}', "Infinity"),
    (b'{"name": "x", "locked": ' + b"9" * 5000 + b', "scopes": {}}', "number"),
    (b"[" * 60_000, "nested"),
    (b'{"a":' * 12_000, "nested"),
    (b'{"name": "\xff", "locked": false, "scopes": {}}', "UTF-8"),
]


def test_ruling_07_y01_to_y04_o08_bad_input_is_a_400_that_names_the_field(tenant: Tenant) -> None:
    """Wrong types, unknown and doubled keys, surrogates, NUL, NaN, deep nesting and endless digits: 400, and nothing made."""
    before = count(tenant)
    cases = [(json.dumps(value).encode(), named) for value, named in BAD_BODIES] + BAD_BYTES
    for content, named in cases:
        reply = post(tenant, content)
        assert reply.status == 400, content[:100]
        assert named in reply.json["message"], (content[:100], reply.json)
    assert count(tenant) == before


def test_ruling_07_an_account_that_is_not_yours_does_not_exist(server: Server, tenant: Tenant) -> None:
    """Another account, the account above, an unknown one and any other text are one same 404; one's own and those below work."""
    other, child = new_tenant(server), new_tenant(server, tenant.account_id)
    unknown = "acct_" + "0" * 26
    replies = [
        tenant.registry.call("POST", PATH, body(account_id=account))
        for account in (other.account_id, server.account_id, unknown, "", "x" * 10_000, "a\0b", "\ud800", "*")
    ]
    assert {reply.status for reply in replies} == {404}
    assert len({reply.body for reply in replies}) == 1
    assert [reply.steady[1] for reply in replies] == [replies[0].steady[1]] * len(replies)
    assert tenant.registry.call("POST", PATH, body(account_id=tenant.account_id)).status == 201
    made = tenant.registry.call("POST", PATH, body(account_id=child.account_id))
    assert (made.status, made.json["account_id"]) == (201, child.account_id)


def test_ruling_09_p06_a_narrowed_token_may_grant_what_its_client_holds(tenant: Tenant, server: Server) -> None:
    """What may be granted is compared with the caller's registration, not with its narrowed token."""
    token = server.token(*tenant.admin, "clients:write")
    made = tenant.registry.call("POST", PATH, body(scopes={"products": ["SuperSIM"]}), token)
    assert made.status == 201


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/jsonx", ""],
)
def test_wrong_media_types_are_415(tenant: Tenant, media_type: str) -> None:
    """A body of another type, or in another character set, is not read."""
    reply = post(tenant, json.dumps(body()).encode(), ("Content-Type", media_type))
    assert reply.status == 415
    utf8 = post(tenant, json.dumps(body()).encode(), ("Content-Type", 'Application/JSON; charset="UTF-8"'))
    assert utf8.status == 201


def test_p04_a_body_above_64_kib_is_413(tenant: Tenant) -> None:
    """One byte too many, announced or in chunks, is refused; exactly 64 KiB is read."""
    before = count(tenant)
    fitting = json.dumps(body()).encode().ljust(65_536)
    assert post(tenant, fitting).status == 201
    reply = post(tenant, fitting + b" ")
    assert reply.status == 413
    raw = raw_post(tenant, b"Transfer-Encoding: chunked\r\n", b"10001\r\n" + b" " * 65_537 + b"\r\n0\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 413 ")
    assert count(tenant) == before + 1


def raw_post(tenant: Tenant, headers: bytes, content: bytes, *, then_close: bool = False) -> bytes:
    host, port = tenant.registry.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        authorization = ": ".join(tenant.registry.bearer).encode()
        head = b"POST /v1/clients HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        connection.sendall(head + authorization + b"\r\n" + headers + b"\r\n" + content)
        if then_close:
            return b""
        received = b""
        while part := connection.recv(65_536):
            received += part
        return received


def test_a_truncated_body_makes_nothing(tenant: Tenant) -> None:
    """A client that goes away in the middle of its body leaves nothing behind, and no error in the log."""
    before = count(tenant)
    content = json.dumps(body()).encode()
    raw_post(tenant, b"Content-Length: %d\r\n" % (len(content) + 10), content, then_close=True)
    time.sleep(0.3)
    assert count(tenant) == before


def test_two_at_once_are_two(tenant: Tenant) -> None:
    """Concurrent creations each make one client with an id and a secret of its own."""
    made: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: made.append(tenant.registry.call("POST", PATH, body()).json)) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({client["client_id"] for client in made}) == len({client["client_secret"] for client in made}) == 20


# Accounts


def test_an_account_is_created_and_listed(server: Server) -> None:
    """An account has its six fields, belongs to the caller's by default, and is in the list, which has pages."""
    own = new_tenant(server)
    made = own.registry.call("POST", "/v1/accounts", {"friendly_name": " Sub ", "owner_email": "sub@example.com"})
    account = made.json["account"]
    assert made.status == 201
    assert set(account) == {"id", "parent_id", "friendly_name", "owner_email", "status", "date_created"}
    assert (account["parent_id"], account["friendly_name"], account["status"]) == (own.account_id, "Sub", "ACTIVE")
    assert re.fullmatch("acct_[0-9a-hjkmnp-tv-z]{26}", account["id"])
    listed = own.registry.call("GET", "/v1/accounts?page_size=1&page_number=1").json
    assert (listed["meta"]["count"], listed["accounts"]) == (2, [account])
    following = listed["meta"]["next_page_url"].removeprefix(own.registry.url)
    assert [row["id"] for row in own.registry.call("GET", following).json["accounts"]] == [own.account_id]
    client = own.registry.call("POST", PATH, body(account_id=account["id"])).json
    assert client["client_owner"] == "sub@example.com"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"friendly_name": ""}, "friendly_name"),
        ({"friendly_name": "a\tb"}, "friendly_name"),
        ({"owner_email": "nobody"}, "owner_email"),
        ({"owner_email": "a b@example.com"}, "owner_email"),
        ({"owner_email": None}, "owner_email"),
        ({"parent_id": None}, "parent_id"),
        ({"status": "SUSPENDED"}, "status"),
        ({"id": "acct_x"}, "id"),
    ],
)
def test_a_bad_account_is_a_400_that_names_the_field(tenant: Tenant, fields: dict[str, Any], named: str) -> None:
    """What an account cannot be is told by field."""
    account = {"friendly_name": "x", "owner_email": "x@example.com", **fields}
    reply = tenant.registry.call("POST", "/v1/accounts", account)
    assert reply.status == 400
    assert named in reply.json["message"]


def test_a_tree_has_eight_levels(server: Server) -> None:
    """The eighth level can be made, the ninth is a 400; a foreign parent is a 404."""
    own = new_tenant(server)
    parent = own.account_id
    new = {"friendly_name": "x", "owner_email": "x@example.com"}
    for _ in range(6):
        parent = own.registry.call("POST", "/v1/accounts", {**new, "parent_id": parent}).json["account"]["id"]
    reply = own.registry.call("POST", "/v1/accounts", {**new, "parent_id": parent})
    assert (reply.status, "parent_id" in reply.json["message"]) == (400, True)
    assert own.registry.call("POST", "/v1/accounts", {**new, "parent_id": server.account_id}).status == 404
