"""Scope strings (RFC 6749 section 3.3): parse, print, subset."""

import re
from typing import Final

from clientry.oauth2 import InvalidScope

CLIENTS_READ: Final = "clients:read"
CLIENTS_WRITE: Final = "clients:write"
ACCOUNTS_READ: Final = "accounts:read"
ACCOUNTS_WRITE: Final = "accounts:write"
RESOURCES: Final = (CLIENTS_READ, CLIENTS_WRITE, ACCOUNTS_READ, ACCOUNTS_WRITE)
"""The global resources, which only admin clients hold."""

MAX_SCOPE: Final = 8_192
"""Characters of a scope string; no token has room for more."""

_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*")
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def is_scope_token(text: str) -> bool:
    """Tell whether `text` is one scope-token of the grammar."""
    return _SCOPE_TOKEN.fullmatch(text) is not None


def parse(text: str) -> tuple[str, ...]:
    """Read a scope string: case-sensitive scope-tokens separated by single spaces, duplicates dropped.

    Raises:
        InvalidScope: the text does not follow the grammar.
    """
    if len(text) > MAX_SCOPE or _SCOPE.fullmatch(text) is None:
        raise InvalidScope
    return tuple(dict.fromkeys(text.split(" ")))


def format_scope(scopes: tuple[str, ...]) -> str:
    """Print scopes as one scope string."""
    return " ".join(scopes)


def grant(held: tuple[str, ...], requested: str | None) -> tuple[str, ...]:
    """Decide what a token gets.

    Args:
        held: what the client holds, in its canonical order.
        requested: the request's scope string, None where it was left out: then everything that the client holds.

    Raises:
        InvalidScope: malformed, unknown, or more than the client holds; the three are not told apart.
    """
    if requested is None:
        return held
    wanted = parse(requested)
    if not set(wanted) <= set(held):
        raise InvalidScope
    return tuple(scope for scope in held if scope in wanted)
