"""Every field that takes text, as the document gives them: what could not be read is in none of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.tenant import Tenant, body, new_tenant
from tests.support.server import Server
from tests.support.wire import send

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "contract" / "clientry.openapi.json").read_text())
WANTED: dict[str, dict[str, Any]] = {
    "createClient": body(),
    "createAccount": {"friendly_name": "Text", "owner_email": "t@example.com"},
    "createSecret": {"others_end_after": 3600},
}
"""What each operation needs at least; the others need nothing."""

HIDDEN = {
    "nothing to see": "\u200b\u2060",
    "fillers": "\u3164\u115f",
    "an empty pattern": "\u2800",
    "joiners and selectors": "\u034f\ufe0f",
    "spaces": "\u3000\u2003",
    "right to left": "a\u202egnp.exe",
    "an isolate": "a\u2066b",
    "an embedding": "\u202bab",
    "NUL": "a\0b",
    "an escape": "a\x1b[31m",
    "half of a pair": "a\ud800b",
    "tags": "\U000e0041\U000e0042",
}
READABLE = ("Ünïcödé ✓", "חברת לקוח\u200f", "می\u200cخواهم", "👩\u200d👩\u200d👧", "日本", "e\u0301", "ㅤx")  # noqa: RUF001


def texts(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield the path and schema of each text in a request body."""
    if schema.get("type") == "string":
        yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from texts(member, (*path, name))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from texts(schema["additionalProperties"], (*path, "key"))
    for alternative in schema.get("oneOf", ()):
        yield from texts(alternative, path)
    if "items" in schema:
        yield from texts(schema["items"], (*path, "0"))


def operations() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield operation id, method, path and body schema of each operation of the registry that has a body."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/") and "requestBody" in operation:
                schema = next(iter(operation["requestBody"]["content"].values()))["schema"]
                yield operation["operationId"], method.upper(), path, _resolved(schema)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


FIELDS = [
    (operation_id, method, path, at)
    for operation_id, method, path, schema in operations()
    for at in dict.fromkeys(at for at, _ in texts(schema))
]
FREE = [
    (operation_id, method, path, at)
    for operation_id, method, path, schema in operations()
    for at, text in texts(schema)
    if "pattern" in text and "@" not in text["pattern"]
]
"""Those of them that take any readable text."""


@pytest.fixture(scope="module")
def tenant(server: Server) -> Tenant:
    """Give an account of these tests' own."""
    return new_tenant(server)


@pytest.fixture(scope="module")
def places(tenant: Tenant) -> dict[str, str]:
    """Give a client and an account to change."""
    account = tenant.registry.call("POST", "/v1/accounts", WANTED["createAccount"]).json["account"]["id"]
    return {"client_id": tenant.registry.create().client_id, "account_id": account}


def attempt(tenant: Tenant, places: dict[str, str], field: tuple[str, str, str, tuple[str, ...]], text: str) -> int:
    """Send a request that is right but for one text, and return the status of the answer."""
    operation_id, method, path, at = field
    value: Any = text
    for name in reversed(at[1:]):
        value = [value] if name == "0" else {name: value}
    content = json.dumps({**WANTED.get(operation_id, {}), at[0]: value}).encode()
    headers = [tenant.registry.bearer, ("Content-Type", "application/json")]
    reply = send(tenant.registry.url, method, path.format(**places), headers, content)
    assert reply.status < 500, reply
    return reply.status


def test_the_document_gives_the_fields() -> None:
    """The walk finds the names, owners and labels; so what follows is about something."""
    found = {(operation_id, ".".join(at)) for operation_id, _, _, at in FIELDS}
    assert {("createClient", "name"), ("updateClient", "client_owner"), ("updateClient", "labels.key")} <= found
    assert {("createAccount", "owner_email"), ("updateAccount", "friendly_name")} <= found


@pytest.mark.parametrize("hidden", HIDDEN)
def test_ruling_22_no_field_takes_text_that_cannot_be_read(tenant: Tenant, places: dict[str, str], hidden: str) -> None:
    """What shows nothing, steers a terminal or turns the direction of writing is 400 everywhere, or 404 where it would be an id."""
    text = HIDDEN[hidden]
    for field in FIELDS:
        tried = (text, f"{text}@example.com", f"a@{text}")
        statuses = {attempt(tenant, places, field, one) for one in tried if one == text or "owner" in field[3][0]}
        assert statuses <= {400, 404}, (field, hidden)


@pytest.mark.parametrize("text", READABLE)
def test_ruling_22_readable_text_is_taken_in_every_script(tenant: Tenant, places: dict[str, str], text: str) -> None:
    """Letters, emoji made of several, and the joiners and marks that Persian and Hebrew need."""
    for field in FREE:
        assert attempt(tenant, places, field, text) in {200, 201}, field
