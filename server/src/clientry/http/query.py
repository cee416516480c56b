"""Percent-encoded pairs, read strictly: query strings and forms (RFC 6749 appendix B).

`urllib.parse.parse_qsl` merges what is repeated and mends what is broken; here nothing is guessed.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

MAX_PAIRS: Final = 100

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class MalformedPairs(ValueError):
    """It is not percent-encoded UTF-8, or has too many pairs."""


def parse_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """Return the names and values of `a=1&b=2`, in order; a name without `=` has an empty value.

    Raises:
        MalformedPairs: an escape is broken, the text is not UTF-8, or there are more than `MAX_PAIRS`.
    """
    fields = [field.partition(b"=") for field in encoded.split(b"&") if field]
    if len(fields) > MAX_PAIRS:
        raise MalformedPairs
    if encoded.isascii() and b"%" not in encoded and b"+" not in encoded:
        return [(name.decode(), value.decode()) for name, _, value in fields]
    return [(decode(name), decode(value)) for name, _, value in fields]


def decode(encoded: bytes) -> str:
    """Return form-urlencoded text: `+` is a space, `%xx` a byte of UTF-8.

    Raises:
        MalformedPairs: an escape is broken, or the text is not UTF-8.
    """
    plain = encoded.replace(b"+", b" ")
    if b"%" in plain:
        if _BROKEN_ESCAPE.search(plain):
            raise MalformedPairs
        plain = unquote_to_bytes(plain)
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedPairs from None


def repeated_name(pairs: list[tuple[str, str]]) -> str | None:
    """Return a name that occurs more than once, None if there is none."""
    if len(dict(pairs)) == len(pairs):
        return None
    names = [name for name, _ in pairs]
    return next(name for name in names if names.count(name) > 1)
