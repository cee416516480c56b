"""The departures from the published document, as edits of it: what is exempted from a check against it stands here alone.

The numbers are those of the public API reference. No schema can say D6 (what `meta.count` counts) and D8 (parameters that the
list does not know are refused), and so neither needs an edit.
"""

import copy
from typing import Any

Document = dict[str, Any]

ADDED_METHODS = ("patch", "delete")
REFUSED = r"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
BLANK = (
    r"\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
REFUSALS_OF_PLAIN_HTTP = ("405", "409", "412", "413", "415", "429")

FUTURE = "^2[1-9][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T(0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
"""A time that has not come: no schema can say so, and any other is a 400."""


def with_departures(published: Document) -> Document:
    """Return the published document as this server fulfils it."""
    document = copy.deepcopy(published)
    for departure in (d1, d2, d3, d4, d5, d7, d9, additions):
        departure(document)
    return document


def d1(document: Document) -> None:
    """Accept page 1 and size 1: the document excludes its own minimum."""
    for parameter in parameters_of_list(document):
        parameter["schema"].pop("exclusiveMinimum", None)


def d2(document: Document) -> None:
    """Let `locked` be null, as the document's prose says, wherever it occurs."""
    for schema in document["components"]["schemas"].values():
        for name, member in schema.get("properties", {}).items():
            if name == "locked":
                member["nullable"] = True


def d3(document: Document) -> None:
    """Refuse unknown keys in `scopes`."""
    create = document["components"]["schemas"]["CreateClient"]["properties"]
    create["scopes"]["additionalProperties"] = False


def d4(document: Document) -> None:
    """Limit a name: 1 to 255 characters, trimmed, one of them to be seen, none that controls or changes the direction."""
    name = document["components"]["schemas"]["CreateClient"]["properties"]["name"]
    name |= {
        "minLength": 1,
        "maxLength": 255,
        "pattern": rf"^(?=.*[^{BLANK}])[^\s{REFUSED}]([^{REFUSED}]*[^\s{REFUSED}])?$",
    }


def d5(document: Document) -> None:
    """Need a bearer token everywhere: the way without is no way, and the header is the scheme's."""
    document["security"] = [{"Auth": []}]
    document["components"]["securitySchemes"] = {"Auth": {"type": "http", "scheme": "bearer"}}
    for operation in operations(document):
        operation["parameters"] = [each for each in operation["parameters"] if each["name"] != "Authorization"]


def d7(document: Document) -> None:
    """Let HTTP's own refusals come too, in the form of the other errors."""
    for operation in operations(document):
        for status in REFUSALS_OF_PLAIN_HTTP:
            operation["responses"][status] = operation["responses"]["400"]


def d9(document: Document) -> None:
    """Accept the additions of an update at creation."""
    email = r"^[^\s\x00-\x1f\x7f-\x9f@\"(),:;<>\[\\\]]+@[^\s\x00-\x1f\x7f-\x9f@\"(),:;<>\[\\\]]+$"
    seconds = {"type": "integer", "minimum": 300, "maximum": 63_072_000}
    value = {"type": "string", "minLength": 1, "maxLength": 127, "pattern": r"^[^,\u0000-\u001f\u007f-\u009f]+$"}
    document["components"]["schemas"]["CreateClient"]["properties"] |= {
        "enabled": {"type": "boolean"},
        "client_owner": {"type": "string", "maxLength": 254, "pattern": email},
        "token_lifetime": {"oneOf": [seconds, {"type": "string", "enum": ["1h", "24h", "30d", "24mo"]}]},
        "expires_at": {"type": "string", "pattern": FUTURE, "nullable": True},
        "labels": {"type": "object", "nullable": True, "additionalProperties": value},
    }


def additions(document: Document) -> None:
    """Add updating and deleting, which the document's tag promises and no path of it describes."""
    one = document["paths"]["/v1/clients/{client_id}"]
    for method in ADDED_METHODS:
        one[method] = {**one["get"], "operationId": method}


def operations(document: Document) -> list[Document]:
    """Return every operation."""
    return [operation for path in document["paths"].values() for operation in path.values()]


def parameters_of_list(document: Document) -> list[Document]:
    """Return the parameters of the list."""
    return document["paths"]["/v1/clients"]["get"]["parameters"]
