"""The published schemas, made strict: every field present, nothing that is not documented, a secret in the 201 alone."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
from tests.outside.departures import with_departures
from tests.support.wire import Reply

CONTRACT = Path(__file__).parents[2] / "contract" / "clients.openapi.json"
ADDITIONS = {"Client": {"enabled", "scopes", "token_lifetime"}}
CORS = (
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers",
)


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


def check(reply: Reply, path: str, method: str) -> None:
    """Assert that an answer fits the published document, but for the departures, and shows no secret unless it is the 201."""
    document = with_departures(json.loads(CONTRACT.read_text()))
    responses = document["paths"][path][method]["responses"]
    published = responses.get(str(reply.status))
    assert published is not None, f"{method} {path} answered {reply.status}: {reply.body!r}"
    assert reply.one("Content-Type") == "application/json"
    for header in CORS:
        assert reply.one(header)
    if "content" in published:
        schema = _strict(published["content"]["application/json"]["schema"], "", document["components"]["schemas"])
        jsonschema.Draft202012Validator(schema).validate(reply.json)
    if reply.status != 201:
        assert b'"client_secret"' not in reply.body
        assert b"cs_" not in reply.body
    if reply.status >= 400:
        assert set(reply.json) == {"status", "message", "code", "info"}
        assert (reply.json["status"], reply.json["code"]) == (reply.status, 40000 + reply.status)
