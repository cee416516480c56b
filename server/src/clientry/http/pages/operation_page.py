"""From the OpenAPI document to what its page shows: parameters, fields, answers, and an example of each call."""

import json
import re
import shlex
from typing import Any, Final

from markupsafe import Markup, escape

from clientry.http.pages.own_document import Node
from clientry.http.pages.schema_words import in_words

NOTHING: Final[Node] = {}
METHODS: Final = ("get", "post", "patch", "delete")
_FORM: Final = "grant_type=client_credentials&client_id=$CLIENT_ID&client_secret=$CLIENT_SECRET"

_CODE = re.compile(r"`([^`]+)`")


def prose(text: str) -> Markup:
    """Return a description as HTML: blank lines part paragraphs, `## ` makes a heading, backticks make code."""
    blocks: list[str] = []
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        if lines[0].startswith("## "):
            blocks.append(heading(lines.pop(0)[3:], 3))
        if lines:
            blocks.append(f"<p>{inline(' '.join(lines))}</p>")
    return Markup("".join(blocks))  # noqa: S704 - everything in it was escaped


def inline(text: str) -> Markup:
    """Return a line as HTML: backticks make code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped here


def heading(text: str, level: int, place: str = "") -> Markup:
    """Return a heading with a link to itself.

    Args:
        text: what it says.
        level: of HTML.
        place: its id, which links name; default: made from the text.
    """
    place = place or re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    link = Markup('<a class="anchor" href="#{}" aria-label="Link to: {}">#</a>').format(place, text)
    return Markup('<h{0} id="{1}">{2} {3}</h{0}>').format(level, place, text, link)


class Reader:
    """Reads an OpenAPI document.

    Args:
        document: the document.
        public_url: what the examples start with.
    """

    def __init__(self, document: Node, public_url: str) -> None:
        self._document = document
        self._url = public_url

    def sections(self) -> dict[str, object]:
        """Return what the page shows: the introduction, the operations by tag, and the departures."""
        operations = [
            self._operation(path, method, item[method])
            for path, item in self._document["paths"].items()
            for method in METHODS
            if method in item
        ]
        tags = [
            {**tag, "operations": [operation for operation in operations if operation["tag"] == tag["name"]]}
            for tag in self._document["tags"]
        ]
        return {
            "introduction": self._document["info"]["description"],
            "tags": tags,
            "departures": self._document["x-departures"],
        }

    def _operation(self, path: str, method: str, operation: Node) -> Node:
        bodies: Node = operation.get("requestBody", NOTHING).get("content", NOTHING)
        media_type = next(iter(bodies), "")
        body: Node = bodies.get(media_type, NOTHING)
        scopes = [scope for need in operation["security"] for scope in need.get("Auth", [])]
        return {
            "id": operation["operationId"],
            "tag": operation["tags"][0],
            "method": method.upper(),
            "path": path,
            "summary": operation["summary"],
            "description": operation["description"],
            "scopes": scopes,
            "parameters": [self._parameter(parameter) for parameter in operation.get("parameters", [])],
            "media_types": list(bodies),
            "fields": self._fields(body["schema"]) if body else [],
            "answers": [self._answer(status, answer) for status, answer in operation["responses"].items()],
            "curl": self._curl(path, method, media_type, body, guarded=any("Auth" in n for n in operation["security"])),
        }

    def _parameter(self, parameter: Node) -> Node:
        return {
            "name": parameter["name"],
            "place": parameter["in"],
            "required": parameter.get("required", False),
            "type": in_words(parameter["schema"], self._resolved),
            "description": parameter["description"],
        }

    def _answer(self, status: str, answer: Node) -> Node:
        answer = self._resolved(answer)
        contents: Node = answer.get("content", NOTHING)
        content: Node = next(iter(contents.values()), NOTHING)
        schema: Node = content.get("schema", NOTHING)
        example: object = content.get("example", self._resolved(schema).get("example"))
        return {
            "status": status,
            "description": answer["description"],
            "headers": [name for name in answer.get("headers", NOTHING) if not name.startswith("Access-Control")],
            "fields": self._fields(schema) if status.startswith("2") and schema else [],
            "example": json.dumps(example, indent=2, ensure_ascii=False) if example is not None else "",
        }

    def _fields(self, schema: Node, prefix: str = "") -> list[Node]:
        """Return the fields of an object, those inside it behind a dotted name."""
        schema = self._resolved(schema)
        if schema.get("type") == "array":
            return self._fields(schema["items"], prefix)
        rows: list[Node] = []
        for name, field in schema.get("properties", NOTHING).items():
            inner = self._resolved(field)
            listed = inner.get("type") == "array"
            full_name = f"{prefix}{name}{'[]' if listed else ''}"
            rows.append(
                {
                    "name": full_name,
                    "required": name in schema.get("required", []),
                    "type": in_words(inner, self._resolved),
                    "description": inner.get("description", ""),
                }
            )
            rows += self._fields(inner, full_name + ".")
        return rows

    def _resolved(self, node: Node) -> Node:
        reference = node.get("$ref")
        if reference is None:
            return node
        found: Any = self._document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found

    def _curl(self, path: str, method: str, media_type: str, body: Node, *, guarded: bool) -> str:
        query = "?page_size=10&page_number=1" if method == "get" and path in ("/v1/clients", "/v1/accounts") else ""
        implied = method == "get" or (method == "post" and body)
        verb = "" if implied else f"-X {method.upper()} "
        place = re.sub(r"\{(\w+)\}", lambda parameter: "$" + parameter[1].upper(), path)
        parts = [f'curl {verb}"{self._url}{place}{query}"']
        if guarded:
            parts.append('-H "Authorization: Bearer $TOKEN"')
        if media_type == "application/x-www-form-urlencoded":
            # As an argument, the secret would stand in the list of processes.
            parts.append(f"-d @- <<END\n{_FORM}\nEND")
        elif media_type:
            example = json.dumps(self._resolved(body["schema"])["example"], ensure_ascii=False)
            parts += [f'-H "Content-Type: {media_type}"', f"-d {shlex.quote(example)}"]
        return " \\\n  ".join(parts)
