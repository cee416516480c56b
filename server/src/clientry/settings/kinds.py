"""What the value of each kind of setting must be. Each function reads a value, or raises ValueError with what it must be."""

import ipaddress
import json
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final

import msgspec

from clientry.errors import BadRequest
from clientry.records.product import Product
from clientry.records.scope import RESOURCES, is_scope_token
from clientry.settings import urls
from clientry.settings.database_url import DatabaseUrl
from clientry.settings.database_url import parse as parse_database_url
from clientry.settings.values import HiddenText

_MAPPED: Final = IPv6Network("::ffff:0:0/96")


def hidden_text(value: Any) -> HiddenText:
    """Read a secret."""
    return HiddenText(some_text(value))


def database_url(value: Any) -> DatabaseUrl:
    """Read where a database is."""
    return parse_database_url(some_text(value))


def whole_number(lowest: int, highest: int) -> Callable[[Any], int]:
    """Return what reads a whole number from `lowest` to `highest`."""

    def parse(value: Any) -> int:
        text = str(value)
        if isinstance(value, bool) or re.fullmatch("[0-9]{1,9}", text) is None or not lowest <= int(text) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(text)

    return parse


def switch(value: Any) -> bool:
    """Read true or false."""
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in known:
        raise ValueError("must be true or false")
    return known[str(value).lower()]


def some_text(value: Any) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value


def path(value: Any) -> Path:
    """Read a path."""
    try:
        return value if isinstance(value, Path) else Path(some_text(value)).expanduser()
    except RuntimeError:
        raise ValueError("must not begin with ~: this user has no home directory") from None


def one_of(kind: Any) -> Callable[[Any], Any]:
    """Return what reads a member of an enumeration, whatever its case."""

    def parse(value: Any) -> Any:
        for member in kind:
            if member.value.lower() == str(value).lower():
                return member
        raise ValueError("must be " + ", ".join(member.value for member in kind))

    return parse


def texts(value: Any) -> tuple[str, ...]:
    """Read texts: a list, or separated by commas."""
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, list | tuple):
        raise ValueError("must be a list, or texts separated by commas")
    found = tuple(some_text(entry).strip() for entry in entries)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if not all(found):
        raise ValueError("must not have empty entries")
    return found


def networks(value: Any) -> tuple[str, ...]:
    """Read networks, e.g. 10.0.0.0/8."""
    try:
        return tuple(str(_network(entry)) for entry in texts(value))
    except ValueError as problem:
        raise ValueError(f"must be networks such as 10.0.0.0/8: {problem}") from None


def _network(entry: str) -> IPv4Network | IPv6Network:
    """Read a network; one of IPv4 addresses that are written as IPv6 is an IPv4 network."""
    network = ipaddress.ip_network(entry)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFF_FFFF, network.prefixlen - _MAPPED.prefixlen))
    return network


def origins(value: Any) -> tuple[str, ...]:
    """Read origins, or `*`."""
    return urls.origins(texts(value))


def host(value: Any) -> str:
    """Read a name or an address to listen on; an IPv6 address may stand in brackets."""
    text = some_text(value).removeprefix("[").removesuffix("]")
    return text if "%" in text else text.lower()  # behind the % stands an interface, as it is called


def products(value: Any) -> tuple[Product, ...]:
    """Read products."""
    shape = 'must be a list of {"name", "audience", "description", "retired"}'
    try:
        entries = json.loads(value) if isinstance(value, str) else value
        found = msgspec.convert(entries, tuple[Product, ...])
    except (ValueError, msgspec.ValidationError):
        raise ValueError(shape) from None
    for product in found:
        if not is_scope_token(product.name) or product.name in RESOURCES or not product.audience:
            raise ValueError(f"must have names that are scope-tokens, other than {', '.join(RESOURCES)}, and audiences")
    if len({product.name for product in found}) < len(found):
        raise ValueError("must not have a name twice")
    return found


def secret_prefix(value: Any) -> str:
    """Read what secrets start with."""
    if not isinstance(value, str) or re.fullmatch("[A-Za-z0-9_-]{0,16}", value) is None:
        raise ValueError("must be at most 16 letters, digits, _ and -")
    return value


def cleaned(rule: Callable[[str, str], str]) -> Callable[[Any], str]:
    """Return what reads a field of the registry by its own rule."""

    def parse(value: Any) -> str:
        try:
            return rule("it", some_text(value))
        except BadRequest as problem:
            raise ValueError(problem.message.removeprefix("it ").removesuffix(".")) from None

    return parse
