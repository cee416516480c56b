"""URLs that others compare byte for byte: brought to one spelling, or refused (RFC 3986 section 6.2.2)."""

import ipaddress
import re
from typing import Any, Final

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_URL = re.compile(
    r"(?P<scheme>[^:/]*)://(?P<host>\[[^\]]*\]|[^:/]*)(?::(?P<port>[0-9]{0,5}))?(?P<path>(?:/.*)?)", re.DOTALL
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


def absolute_url(value: Any) -> str:
    """Read a public URL; scheme and host become lower case, the scheme's own port and slashes at the end are dropped."""
    origin, scheme, path = _parts(value, "an absolute http or https URL without user, query and fragment")
    if scheme == "http" and not is_loopback(_host_of(origin)):
        raise ValueError("must be https unless its host is a loopback address")
    segments = [_normal_segment(segment) for segment in path.rstrip("/").split("/")[1:]]
    return "/".join([origin, *segments])


def origins(value: tuple[str, ...]) -> tuple[str, ...]:
    """Read origins as browsers write them, or `*`."""
    if value == ("*",):
        return value
    if "*" in value:
        raise ValueError("must be * alone, or origins")
    return tuple(_origin(entry) for entry in value)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(entry: str) -> str:
    origin, _, path = _parts(entry, "origins such as https://app.example.com, or *")
    if path not in ("", "/"):
        raise ValueError("must be origins such as https://app.example.com, without a path")
    return origin


def _parts(value: Any, what: str) -> tuple[str, str, str]:
    """Return origin, scheme and path; the first two in their one spelling."""
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in DEFAULT_PORTS:
        raise ValueError(f"must be {what}")
    try:
        host = _normal_host(match["host"].lower())
    except ValueError:
        raise ValueError(f"must be {what}: its host is neither a name in ASCII nor an address") from None
    port = int(match["port"] or DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise ValueError("must have a port from 1 to 65535, or none")
    return f"{scheme}://{host}" + ("" if port == DEFAULT_PORTS[scheme] else f":{port}"), scheme, match["path"]


def _normal_host(host: str) -> str:
    if host.startswith("["):
        address = ipaddress.IPv6Address(host[1:-1])
        if address.scope_id is not None:
            raise ValueError
        return f"[{address.compressed}]"
    if host.rpartition(".")[2].isdigit():
        return str(ipaddress.IPv4Address(host))
    if len(host) > 253 or _NAME.fullmatch(host) is None:
        raise ValueError
    return host


def _host_of(origin: str) -> str:
    host = origin.partition("://")[2]
    return host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]


def _normal_segment(segment: str) -> str:
    if _SEGMENT.fullmatch(segment) is None:
        raise ValueError("must be plain ASCII, percent-encoded where needed, without empty parts, query and fragment")
    normal = re.sub("%(..)", lambda found: _decoded(found[1]), segment)
    if normal in (".", ".."):
        raise ValueError("must have no . and .. in its path")
    return normal


def _decoded(code: str) -> str:
    character = chr(int(code, 16))
    return character if _UNRESERVED.fullmatch(character) else f"%{code.upper()}"
