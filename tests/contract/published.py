"""The published schemas, made strict: every field present, nothing that is not documented, a secret in the 201 alone.

Tests of the contract send every request with `send` of this file, or as a `Checked` registry, and so every answer is held to them.
"""

import copy
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from tests.outside.departures import with_departures
from tests.support import wire
from tests.support.registry import Registry
from tests.support.wire import Reply, bearer

DOCUMENT = with_departures(json.loads((Path(__file__).parents[2] / "contract" / "clients.openapi.json").read_text()))
ADDITIONS = {
    "Client": {"enabled", "scopes", "token_lifetime", "expires_at", "labels", "date_deleted", "restorable_until"},
}
CORS = (
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers",
)
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def send(
    url: str, method: str, path: str, headers: Iterable[tuple[str, str | bytes]] = (), body: bytes | None = None
) -> Reply:
    """Send one request to the registry, and hold the answer to the published document."""
    reply = wire.send(url, method, path, headers, body)
    check(reply, url, method, path)
    return reply


class Checked(Registry):
    """A registry whose answers are all held to the published document."""

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> Reply:
        """Send one request; the answer may be a refusal."""
        reply = super().call(method, path, body, token)
        check(reply, self.url, method, path)
        return reply

    @property
    def bearer(self) -> tuple[str, str]:
        """The header with the admin client's token."""
        return bearer(self.token)


def check(reply: Reply, url: str, method: str, path: str) -> None:
    """Assert that an answer fits the published document, but for the departures, and shows no secret unless it is the 201."""
    if not path.startswith("/v1/"):
        return
    for header in CORS:
        assert reply.one(header)
    if method == "HEAD" or reply.status == 204:
        assert reply.body == b""
        return
    assert reply.one("Content-Type") == "application/json"
    template = re.sub("^/v1/clients/[^/?]+$", "/v1/clients/{client_id}", path.partition("?")[0])
    published = DOCUMENT["paths"].get(template, {}).get(method.lower())
    if published is not None:
        assert str(reply.status) in published["responses"], reply
        _validator(template, method.lower(), str(reply.status)).validate(reply.json)
    if reply.status != 201:
        assert b'"client_secret"' not in reply.body
        assert b"cs_" not in reply.body
    if reply.status >= 400:
        assert reply.json == {
            "status": reply.status,
            "message": reply.json["message"],
            "code": 40000 + reply.status,
            "info": f"{url}/errors/{40000 + reply.status}",
        }
    assert all(DATE.fullmatch(date) for date in _dates(reply.json))


@cache
def _validator(path: str, method: str, status: str) -> jsonschema.Draft202012Validator:
    schema = DOCUMENT["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator(_strict(schema, "", DOCUMENT["components"]["schemas"]))


def _strict(schema: dict[str, Any], name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a schema for JSON Schema: references inlined, nullable spelled out, all members required and no others."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _strict(schemas[name], name, schemas)
    schema = copy.deepcopy(schema)
    if "properties" in schema:
        schema["properties"] = {key: _strict(value, key, schemas) for key, value in schema["properties"].items()}
        schema["required"] = list(schema["properties"])
        schema["properties"] |= dict.fromkeys(ADDITIONS.get(name, ()), True)
        schema["additionalProperties"] = False
    if "items" in schema:
        schema["items"] = _strict(schema["items"], name, schemas)
    if schema.pop("nullable", False):
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def _dates(value: Any) -> list[str]:
    """Return every `date_created` in an answer."""
    if isinstance(value, list):
        return [date for member in value for date in _dates(member)]
    if isinstance(value, dict):
        own = [value["date_created"]] if "date_created" in value else []
        return own + [date for member in value.values() for date in _dates(member)]
    return []
