"""The two documents of the contract: well formed, true to what was published, and ours holds all of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.outside.departures import with_departures

Node = dict[str, Any]

CONTRACT = Path(__file__).parents[2] / "contract"
PUBLISHED: Node = json.loads((CONTRACT / "clients.openapi.json").read_text())
OURS: Node = json.loads((CONTRACT / "clientry.openapi.json").read_text())
METHODS = ("get", "post", "patch", "delete", "put", "head", "options", "trace")
OPERATIONS = [
    (path, method, PUBLISHED["paths"][path][method])
    for path in PUBLISHED["paths"]
    for method in METHODS
    if method in PUBLISHED["paths"][path]
]
SPELLINGS = {"number": {"number", "integer"}}
"""A type of the published document, and those of ours that fulfil it: every whole number is a number."""


def nodes(value: object, place: str = "#") -> Iterator[tuple[str, Node]]:
    """Yield every object of a document, with where it is."""
    if isinstance(value, dict):
        yield place, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from nodes(member, f"{place}/{name}")


def resolved(document: Node, node: Node) -> Node:
    """Follow a reference."""
    if "$ref" not in node:
        return node
    found: Any = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def json_schema(document: Node, value: Any) -> Any:
    """Write an OpenAPI 3.0 schema as JSON Schema: every reference in place, `nullable` and `exclusiveMinimum` in its words."""
    if isinstance(value, list):
        return [json_schema(document, item) for item in value]
    if not isinstance(value, dict):
        return value
    node = {name: json_schema(document, member) for name, member in resolved(document, value).items()}
    node.pop("example", None)
    if node.pop("nullable", False) is True:
        return {"anyOf": [node, {"type": "null"}]}
    if node.get("exclusiveMinimum") is True:
        node["exclusiveMinimum"] = node.pop("minimum")
    return node


def examples(document: Node) -> Iterator[tuple[str, Any, Node]]:
    """Yield every example with where it is and the schema that it must fit: its neighbour, or the schema that it is in."""
    for place, node in nodes(document):
        if "example" in node:
            yield place, node["example"], node.get("schema", node)


def parameters(document: Node, path: str, method: str) -> dict[tuple[str, str], Node]:
    item = document["paths"][path]
    found = [*item.get("parameters", ()), *item[method].get("parameters", ())]
    return {(each["in"], each["name"]): resolved(document, each) for each in found}


def media(node: Node) -> dict[str, Node]:
    return {media_type: content["schema"] for media_type, content in node.get("content", {}).items()}


def assert_holds(published: Node, ours: Node, place: str) -> None:
    """Assert that one of our schemas has everything of the published one: types, formats, enums, properties, items."""
    published, ours = resolved(with_departures(PUBLISHED), published), resolved(OURS, ours)
    if "oneOf" in published:
        assert ours["oneOf"] == published["oneOf"], place
        return
    assert ours["type"] in SPELLINGS.get(published["type"], {published["type"]}), place
    for word in ("format", "enum", "minimum", "exclusiveMinimum", "nullable"):
        if word in published:
            assert ours.get(word) == published[word], f"{place}: {word}"
    if "additionalProperties" in published:
        assert ours["additionalProperties"] == published["additionalProperties"], place
    assert set(published.get("required", ())) <= set(ours.get("required", ())), place
    for name, member in published.get("properties", {}).items():
        assert_holds(member, ours["properties"][name], f"{place}.{name}")
    if "items" in published:
        assert_holds(published["items"], ours["items"], f"{place}[]")


def test_the_published_document_is_its_fragments_joined() -> None:
    """Merging the three fragments of clients.md, none against another, gives clients.openapi.json exactly."""
    fragments = [
        json.loads(text)
        for text in re.findall(r"^```json\n(.*?)\n```$", (CONTRACT / "clients.md").read_text(), re.M | re.S)
    ]
    assert [next(iter(fragment["paths"])) for fragment in fragments] == [
        "/v1/clients",
        "/v1/clients",
        "/v1/clients/{client_id}",
    ]
    assert joined(fragments) == PUBLISHED


def joined(values: list[Any]) -> Any:
    """Merge objects name by name; what is not an object must be the same everywhere."""
    if not all(isinstance(value, dict) for value in values):
        assert all(value == values[0] for value in values)
        return values[0]
    names = dict.fromkeys(name for value in values for name in value)
    return {name: joined([value[name] for value in values if name in value]) for name in names}


@pytest.mark.parametrize("document", [PUBLISHED, OURS], ids=["published", "ours"])
def test_every_reference_resolves(document: Node) -> None:
    """Each $ref leads to an object of the same document."""
    references = [node for _, node in nodes(document) if "$ref" in node]
    assert references
    assert all(isinstance(resolved(document, node), dict) for node in references)


def test_every_component_is_used() -> None:
    """Nothing stands among our components that no operation refers to."""
    used = {node["$ref"] for _, node in nodes(OURS) if "$ref" in node}
    declared = {
        f"#/components/{kind}/{name}"
        for kind, components in OURS["components"].items()
        if kind != "securitySchemes"
        for name in components
    }
    assert declared == used


def test_our_operations_are_whole() -> None:
    """Each has a unique operationId, a known tag, a text, its security said, its path parameters declared, and a good answer."""
    tags = {tag["name"] for tag in OURS["tags"]}
    ids: list[str] = []
    for path, item in OURS["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            ids.append(operation["operationId"])
            assert set(operation["tags"]) <= tags
            assert operation["summary"]
            assert operation["description"]
            declared = {name for place, name in parameters(OURS, path, method) if place == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
            assert any(status.startswith("2") for status in operation["responses"])
            for need in operation["security"]:
                assert set(need) <= set(OURS["components"]["securitySchemes"])
    assert len(set(ids)) == len(ids)


def test_everything_of_ours_is_described() -> None:
    """Each parameter, header, answer and field says what it is."""
    for kind in ("headers", "responses", "schemas", "securitySchemes"):
        assert all(each["description"] for each in OURS["components"][kind].values()), kind
    for place, node in nodes(OURS["paths"]):
        for parameter in node.get("parameters", ()):
            assert parameter["description"], place
    for place, node in nodes(OURS["components"]["schemas"]):
        if "type" in node and "/example" not in place:
            for name, field in node.get("properties", {}).items():
                assert field.get("description") or "$ref" in field, f"{place}.{name}"


def test_generators_of_clients_find_names_that_they_can_use() -> None:
    """An object inside a schema with a number for a name has a name of its own, and `Client` another one for Go's generators."""
    schemas: Node = OURS["components"]["schemas"]
    titles = [
        (place, node.get("title", ""))
        for name, schema in schemas.items()
        if name[0].isdigit()
        for place, node in nodes(schema["properties"], f"{name}/properties")
        if "properties" in node and node.get("type") == "object"
    ]
    assert len(titles) == 2
    assert all(re.fullmatch("[A-Z][A-Za-z]+", title) and title not in schemas for _, title in titles), titles
    assert len({title for _, title in titles}) == len(titles)
    assert schemas["Client"]["x-go-name"] not in schemas


def test_the_document_says_whom_to_ask() -> None:
    """Linters want a contact: it is whoever runs the server, and its address is the server's own."""
    assert OURS["info"]["contact"]["url"].startswith("https://auth.example.com/")


def test_what_is_open_to_all_says_so_in_the_one_way_that_tools_read() -> None:
    """An operation without authentication has an empty list of requirements; a single empty requirement is an error to some."""
    needs = {
        operation["operationId"]: operation["security"]
        for path in OURS["paths"].values()
        for operation in path.values()
    }
    assert [{}] not in needs.values()
    assert {name for name, need in needs.items() if not need} == {
        "getAuthorizationServerMetadata", "getOpenIdConfiguration", "getJwkSet", "getHealth", "getReadiness",
    }  # fmt: skip


def test_every_example_fits_its_schema() -> None:
    """Each example of our document is valid against the schema that it illustrates."""
    found = list(examples(OURS))
    assert len(found) > 30
    for place, example, schema in found:
        validator = jsonschema.Draft4Validator(json_schema(OURS, schema))
        problems = [problem.message for problem in validator.iter_errors(example)]
        assert not problems, (place, problems)


def test_every_schema_is_one() -> None:
    """Each schema of our document is JSON Schema, after the words that OpenAPI 3.0 has of its own."""
    for schema in OURS["components"]["schemas"].values():
        jsonschema.Draft7Validator.check_schema(json_schema(OURS, schema))


def test_required_members_are_declared() -> None:
    """What a schema requires is among its properties; an answer requires all of its own but `resources` and a deletion's dates."""
    optional: set[str] = set()
    for place, node in nodes(OURS["components"]["schemas"], "#/components/schemas"):
        if "/example" not in place and isinstance(node.get("properties"), dict) and "type" in node:
            assert set(node.get("required", ())) <= set(node["properties"]), place
            requests = (
                "CreateClient",
                "UpdateClient",
                "CreateSecret",
                "ContainClient",
                "CreateAccount",
                "UpdateAccount",
                "TokenRequest",
            )
            if place.split("/")[3] not in requests:
                optional |= set(node["properties"]) - set(node.get("required", ()))
    assert optional == {"resources", "date_deleted", "restorable_until"}


@pytest.mark.parametrize(
    ("path", "method", "published"), OPERATIONS, ids=[each[2]["operationId"] for each in OPERATIONS]
)
def test_ours_holds_each_published_operation(path: str, method: str, published: Node) -> None:
    """Its id, tag, parameters, body, statuses, headers and schemas stand in ours with the same types, but for the departures."""
    ours: Node = OURS["paths"][path][method]
    assert (ours["operationId"], ours["tags"]) == (published["operationId"], published["tags"])
    assert_parameters(path, method)
    assert_body(published, ours)
    for status, answer in published["responses"].items():
        own = resolved(OURS, ours["responses"][status])
        assert_same_media(answer, own, status)
        for name, header in answer["headers"].items():
            assert_holds(header["schema"], resolved(OURS, own["headers"][name])["schema"], f"{status} {name}")


def assert_parameters(path: str, method: str) -> None:
    """Assert that each published parameter stands in ours, and none of our own is required."""
    own, published = parameters(OURS, path, method), parameters(PUBLISHED, path, method)
    edited = with_departures(PUBLISHED)["paths"][path][method]["parameters"]
    schemas = {(each["in"], each["name"]): each["schema"] for each in edited}
    for key, parameter in published.items():
        assert own[key].get("required", False) == parameter.get("required", False), key
        assert_holds(schemas.get(key, parameter["schema"]), own[key]["schema"], str(key))
    assert not any(each.get("required") for key, each in own.items() if key not in published)


def assert_body(published: Node, ours: Node) -> None:
    body, own = published.get("requestBody"), ours.get("requestBody")
    assert (body is None) == (own is None)
    if body is not None and own is not None:
        assert own["required"] == body["required"]
        assert_same_media(body, own, "body")


def assert_same_media(published: Node, own: Node, place: str) -> None:
    assert set(media(published)) == set(media(own)), place
    for media_type, schema in media(published).items():
        assert_holds(schema, media(own)[media_type], place)


def test_no_body_of_ours_asks_for_more_than_the_published_one() -> None:
    """A body that creates a client needs the published fields and no other; it may have those of D9."""
    published, ours = (
        with_departures(PUBLISHED)["components"]["schemas"]["CreateClient"],
        OURS["components"]["schemas"]["CreateClient"],
    )
    assert set(ours["properties"]) == set(published["properties"])
    assert ours["required"] == published["required"]


def test_the_departures_are_listed_with_their_reasons() -> None:
    """D1 to D9, each once, each with what and why."""
    departures = OURS["x-departures"]
    assert [each["id"] for each in departures] == [f"D{number}" for number in range(1, 10)]
    assert all(each["what"].endswith(".") and each["why"].endswith(".") for each in departures)
