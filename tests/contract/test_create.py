"""Creating clients and accounts: rulings 7 to 10, and what bad input gets."""

import json
import re
import socket
import threading
import time
from typing import Any

import pytest
from msgspec import Struct
from tests.contract.published import send
from tests.contract.tenant import Tenant, body, new_tenant
from tests.support.registry import Credentials
from tests.support.server import Server
from tests.support.wire import Reply, ask_token

from clientry.http.api.accounts import CreateAccount, UpdateAccount
from clientry.http.api.clients import CreateClient, UpdateClient
from clientry.http.api.secrets import ContainClient, CreateSecret

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


def test_d9_a_client_is_created_with_the_additions_of_an_update(server: Server, tenant: Tenant) -> None:
    """Each that is given is set from the first moment on, those left out have their defaults; the answer is the published one."""
    given = {
        "client_owner": " ada@example.com ",
        "token_lifetime": "24h",
        "expires_at": "2090-01-31T10:30:00+01:00",
        "labels": {"team": "a", "env": "prod"},
        "enabled": False,
    }
    kept = {
        "client_owner": "ada@example.com",
        "token_lifetime": 86_400,
        "expires_at": "2090-01-31T09:30:00Z",
        "labels": {"env": "prod", "team": "a"},
        "enabled": False,
    }
    plain = tenant.registry.call("POST", PATH, body(expires_at=None, labels=None, enabled=True))
    default = tenant.registry.call("GET", f"{PATH}/{plain.json['client_id']}").json["client"]
    for names in [*([name] for name in given), list(given)]:
        made = tenant.registry.call("POST", PATH, body(**{name: given[name] for name in names}))
        assert made.status == 201
        shown = tenant.registry.call("GET", f"{PATH}/{made.json['client_id']}")
        own = {name: made.json[name] for name in ("client_id", "date_created")}
        assert shown.json["client"] == {**default, **own, **{name: kept[name] for name in names}}
        assert shown.one("ETag") == made.one("ETag")
        form = Credentials(made.json["client_id"], made.json["client_secret"]).form
        assert ask_token(server.url, form).status == (401 if "enabled" in names else 200)
    assert set(given) == set(UpdateClient.__struct_fields__) - {"name", "locked", "scopes"}


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
    (body(client_owner="a"), "client_owner"),
    (body(client_owner=None), "client_owner"),
    (body(enabled=None), "enabled"),
    (body(enabled=0), "enabled"),
    (body(token_lifetime=299), "token_lifetime"),
    (body(token_lifetime=None), "token_lifetime"),
    (body(token_lifetime="2h"), "token_lifetime"),
    (body(expires_at="2001-01-01T00:00:00Z"), "expires_at"),
    (body(expires_at=4_000_000_000), "expires_at"),
    (body(labels=[]), "labels"),
    (body(labels={"a b": "x"}), "labels"),
    (body(labels={"a": None}), "labels"),
    (body(labels={f"k{number}": "v" for number in range(33)}), "labels"),
    (body(resources=["clients:read"]), "resources"),
    (body(version=1), "version"),
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


REQUIRED: dict[str, dict[str, Any]] = {
    "CreateClient": body(),
    "CreateSecret": {"others_end_after": 0},
    "CreateAccount": {"friendly_name": "A", "owner_email": "a@example.com"},
}


def test_y02_a_lone_surrogate_is_400_wherever_no_text_is_taken(tenant: Tenant) -> None:
    """In the place of each field, of each operation with a body, and inside of those that hold others; nothing is a 500."""
    client = tenant.registry.create().client_id
    account = tenant.registry.call("POST", "/v1/accounts", {"friendly_name": "A", "owner_email": "a@example.com"})
    places: tuple[tuple[str, str, type[Struct]], ...] = (
        ("POST", PATH, CreateClient),
        ("PATCH", f"{PATH}/{client}", UpdateClient),
        ("POST", f"{PATH}/{client}/secrets", CreateSecret),
        ("POST", f"{PATH}/{client}/contain", ContainClient),
        ("POST", "/v1/accounts", CreateAccount),
        ("PATCH", f"/v1/accounts/{account.json['account']['id']}", UpdateAccount),
    )
    for method, path, kind in places:
        required = REQUIRED.get(kind.__name__, {})
        for field in kind.__struct_fields__:
            if field in {"account_id", "parent_id"}:
                continue  # any other text is a 404 there
            for odd in ("\ud800", ["\ud800"], {"\ud800": "\ud800"}, {"k": "\ud800"}, {"products": ["\ud800"]}):
                reply = tenant.registry.call(method, path, {**required, field: odd})
                assert (reply.status, reply.json["code"]) == (400, 40400), (path, field, odd)
        for whole in ("\ud800", ["\ud800"]):
            assert tenant.registry.call(method, path, whole).status == 400


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
