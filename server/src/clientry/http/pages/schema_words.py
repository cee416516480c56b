"""A schema in words: its type, what its values may be, how many and how long, its format and its default."""

from collections.abc import Callable
from typing import Final

from clientry.http.pages.own_document import Node

LONGEST_PATTERN: Final = 48
"""A longer pattern says less than its field's description, and so does one of character codes: the OpenAPI document has them."""

_ONE: Final = {"integer": "whole number", "boolean": "true or false"}
_MANY: Final = {"integer": "whole numbers", "boolean": "true or false", "string": "strings", "object": "objects"}


def in_words(schema: Node, resolved: Callable[[Node], Node], *, several: bool = False) -> str:
    """Return what a schema allows; names and values stand in backticks.

    Args:
        schema: it.
        resolved: returns what a reference stands for.
        several: whether it is said of many, as in "list of strings".
    """
    schema = resolved(schema)
    if "oneOf" in schema:
        parts = [" or ".join(in_words(option, resolved) for option in schema["oneOf"])]
    else:
        parts = [_kind(schema, resolved, several=several) + _range(schema), *_length(schema), *_form(schema)]
    if "default" in schema:
        parts.append(f"default `{_written(schema['default'])}`")
    if schema.get("nullable"):
        parts.append("or null")
    return ", ".join(parts)


def _kind(schema: Node, resolved: Callable[[Node], Node], *, several: bool) -> str:
    if "enum" in schema:
        return _choice([f"`{_written(value)}`" for value in schema["enum"]])
    kind: str = schema.get("type", "object")
    if kind == "array":
        return f"list of {_inner(schema['items'], resolved)}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of names and {_inner(schema['additionalProperties'], resolved)}"
    return (_MANY if several else _ONE).get(kind, kind)


def _inner(schema: Node, resolved: Callable[[Node], Node]) -> str:
    words = in_words(schema, resolved, several=True)
    return f"({words})" if ", or null" in words else words


def _range(schema: Node) -> str:
    return _between(schema.get("minimum"), schema.get("maximum"), before=" ", after="")


def _length(schema: Node) -> list[str]:
    characters = _between(schema.get("minLength"), schema.get("maxLength"), before="", after=" characters")
    members = _between(schema.get("minItems"), schema.get("maxItems"), before="", after=" of them")
    return [text for text in (characters, members) if text]


def _form(schema: Node) -> list[str]:
    pattern = schema.get("pattern", "")
    shown = [f"format `{schema['format']}`"] if "format" in schema else []
    return shown + ([f"pattern `{pattern}`"] if is_told(pattern) else [])


def is_told(pattern: str) -> bool:
    """Tell whether a pattern says something to a person."""
    return 0 < len(pattern) <= LONGEST_PATTERN and "\\u" not in pattern


def _between(least: int | None, most: int | None, *, before: str, after: str) -> str:
    match least, most:
        case None, None:
            return ""
        case _, None:
            return f"{before}at least {least:,}{after.removesuffix('s') if least == 1 else after}"
        case None, _:
            return f"{before}at most {most:,}{after}"
        case _:
            return f"{before}from {least:,} to {most:,}{after}"


def _choice(values: list[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}" if len(values) > 1 else values[0]


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"
