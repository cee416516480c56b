"""JSON request bodies, read strictly: what is not exactly what the operation takes is a 400 that names the field."""

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar, cast

import msgspec

from clientry.errors import BadRequest, UnsupportedMediaType
from clientry.http.exchange import Receive, Scope, header_values, read_body

T = TypeVar("T")

JSON_TYPES: Final = frozenset({"application/json"})
MERGE_PATCH_TYPES: Final = JSON_TYPES | {"application/merge-patch+json"}

MAX_QUOTED: Final = 36

_CHARSET = re.compile(r"""\s*charset\s*=\s*("?)utf-?8\1\s*""", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?([\w.]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*?)`(?: - at `\$\.?([^`]*)`)?")
_WRONG = re.compile(r"Expected `(.*?)`, got `(.*?)`(?: - at `\$\.?([^`]*)`)?")
_NAMES: Final = {
    "bool": "true or false",
    "str": "a string",
    "int": "a whole number",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


async def read_json(
    scope: Scope, receive: Receive, kind: type[T], within: float, types: frozenset[str], *, absent: T | None = None
) -> T:
    """Return the request's body as a value of `kind`.

    Args:
        scope: the request.
        receive: where its body comes from.
        kind: a Struct that forbids unknown fields.
        within: seconds that the body may take to arrive.
        types: the media types that it may have.
        absent: what no body at all means, None: there must be one.

    Raises:
        PayloadTooLarge: it is too large.
        UnsupportedMediaType: it is of another type, or not in UTF-8.
        BadRequest: it is no JSON, repeats a key, or is not of this kind.
    """
    body = await read_body(scope, receive, within)
    if not body and absent is not None:
        return absent
    media_type, parameters = content_type(scope)
    if media_type not in types or not is_utf8(parameters):
        raise UnsupportedMediaType(f"The body must be {' or '.join(sorted(types))} in UTF-8.")
    value = _parse(body)
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as problem:
        _explain(str(problem))
    except UnicodeEncodeError:
        # The validator cannot even write its complaint about a text with lone surrogates: it is asked once more without them.
        _refuse(_without_surrogates(value), kind)


def content_type(scope: Scope) -> tuple[str, list[str]]:
    """Return the request's media type in lower case and its parameters; of no or several headers, an empty one."""
    values = header_values(scope, b"content-type")
    if len(values) != 1:
        return "", []
    media_type, *parameters = values[0].decode("latin-1").split(";")
    return media_type.strip().lower(), [parameter for parameter in parameters if parameter.strip()]


def is_utf8(parameters: list[str]) -> bool:
    """Tell whether the parameters of a media type say nothing but that it is in UTF-8, in one of the ways to write that."""
    return all(_CHARSET.fullmatch(parameter) for parameter in parameters)


def quoted_name(name: str) -> str:
    """Return a name that came from outside, safe to stand in a message: ASCII, and only the beginning of a long one.

    A long one may be a secret that was put in the wrong place.
    """
    shown = name if len(name) <= MAX_QUOTED else name[:12] + "..."
    text = shown.encode("ascii", "backslashreplace").decode()
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


def _parse(body: bytes) -> object:
    try:
        text = body.decode("utf-8-sig")  # some programs begin whatever they write with a byte order mark
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_number)
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except json.JSONDecodeError as problem:
        raise BadRequest(
            f"The body is not JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}."
        ) from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError:
        # Python refuses to read whole numbers of more than 4,300 digits.
        raise BadRequest("The body holds a number that is too long.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    for key in members:
        # The validator cannot even write its complaint about such a name.
        if _SURROGATE.search(key):
            raise BadRequest(f"{quoted_name(key)} is not a field of this request.")
    if len(members) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise BadRequest(f"The body has {quoted_name(repeated)} more than once.")
    return members


def _number(text: str) -> int | float:
    """Return a number that is written with a fraction or an exponent, as a whole one where it is exactly that."""
    value = float(text)
    return int(value) if value.is_integer() and Decimal(text) == value else value


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(member) for member in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _without_surrogates(member) for key, member in cast("dict[str, Any]", value).items()}
    return value


def _refuse(value: object, kind: type[object]) -> NoReturn:
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as problem:
        _explain(str(problem))
    raise BadRequest("The body holds a lone surrogate.")


def _no_constant(name: str) -> NoReturn:
    raise BadRequest(f"The body is not JSON: {name} is no number.")


def _explain(problem: str) -> NoReturn:
    """Turn the validator's words into ours: the field, and what it must be."""
    if match := _UNKNOWN.fullmatch(problem):
        raise BadRequest(f"{_path(match[2], quoted_name(match[1]))} is not a field of this request.")
    if match := _MISSING.fullmatch(problem):
        raise BadRequest(f"{_path(match[2], match[1])} is required.")
    if match := _WRONG.fullmatch(problem):
        wanted = " or ".join(_NAMES.get(name.strip(), name.strip()) for name in match[1].split("|"))
        raise BadRequest(f"{match[3] or 'The body'} must be {wanted}.")
    raise BadRequest("The body is not what this operation takes.")


def _path(parent: str | None, name: str) -> str:
    return f"{parent}.{name}" if parent else name
