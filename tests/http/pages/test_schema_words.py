"""Schemas in words."""

import json
import re
from typing import Any

import pytest
from tests.support.registry import Registry
from tests.support.wire import send

from clientry.http.pages.schema_words import in_words, is_told

TOLD = {"enum", "default", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "format", "pattern"}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": "boolean", "nullable": True}, "true or false, or null"),
        ({"type": "boolean", "default": False}, "true or false, default `false`"),
        ({"type": "integer", "minimum": 1, "maximum": 2147483647}, "whole number from 1 to 2,147,483,647"),
        ({"type": "integer", "minimum": 0}, "whole number at least 0"),
        ({"type": "string", "maxLength": 254}, "string, at most 254 characters"),
        ({"type": "string", "minLength": 1, "maxLength": 127}, "string, from 1 to 127 characters"),
        ({"type": "string", "format": "date-time"}, "string, format `date-time`"),
        ({"type": "string", "pattern": "^a$"}, "string, pattern `^a$`"),
        ({"type": "string", "pattern": "x" * 200}, "string"),
        ({"type": "string", "pattern": "^[^\\u0000]$", "minLength": 1}, "string, at least 1 character"),
        ({"type": "string", "enum": ["a", "b", "c"], "default": "a"}, "`a`, `b` or `c`, default `a`"),
        ({"type": "array", "items": {"type": "string"}}, "list of strings"),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2}, "list of `a` or `b`, at most 2 of them"),
        ({"type": "array", "items": {"type": "integer", "minimum": 0}}, "list of whole numbers at least 0"),
        (
            {"type": "object", "nullable": True, "additionalProperties": {"type": "string", "nullable": True}},
            "object of names and (strings, or null), or null",
        ),
        ({"type": "object", "additionalProperties": False}, "object"),
        ({"oneOf": [{"type": "integer", "minimum": 1}, {"enum": ["1h"]}]}, "whole number at least 1 or `1h`"),
    ],
)
def test_a_schema_in_words(schema: dict[str, Any], words: str) -> None:
    """Type, members, range, length, format and default are all told."""
    assert in_words(schema, lambda node: node) == words


def test_the_reference_tells_what_the_document_tells(registry: Registry) -> None:
    """Every value that limits a parameter, or a field of a body, in our OpenAPI document stands in its section of the page."""
    document = send(registry.url, "GET", "/openapi.json").json
    text = send(registry.url, "GET", "/docs").body.decode()
    for item in document["paths"].values():
        for operation in item.values():
            start = text.index(f'id="{operation["operationId"]}"')
            section = text[start : text.index("</section>", start)]
            section = re.sub("</?code>", "", section).replace("&#39;", "'").replace("&#34;", '"')
            schemas = [each["schema"] for each in operation.get("parameters", ())]
            schemas += [each["schema"] for each in operation.get("requestBody", {}).get("content", {}).values()]
            for value in limits(document, schemas):
                assert value in section, (operation["operationId"], value)


def limits(document: dict[str, Any], node: Any) -> set[str]:
    """Return every limit in a schema and below it, as it is written in words."""
    if isinstance(node, list):
        return {each for one in node for each in limits(document, one)}
    if not isinstance(node, dict):
        return set()
    if "$ref" in node:
        return limits(document, document["components"]["schemas"][node["$ref"].rpartition("/")[2]])
    found = {written(value) for key in TOLD & set(node) for value in listed(node[key]) if key != "pattern"}
    found |= {node["pattern"]} if is_told(node.get("pattern", "")) else set()
    below = [node.get("items"), *node.get("properties", {}).values(), node.get("additionalProperties")]
    return found | limits(document, [*below, *node.get("oneOf", ())])


def listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


def written(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else json.dumps(value).strip('"')
