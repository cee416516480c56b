"""Taking sockets: one for each address of a host, all with one port."""

import contextlib
import errno
import socket
from typing import Final

from clientry.errors import ConfigurationError

BACKLOG: Final = 2048
"""Connections that may wait to be taken."""
BOTH_FAMILIES: Final = "::"
"""The host that IPv4 clients reach, too."""

_TRIES: Final = 20
"""How often a free port is looked for that is free on every address."""
_NOT_OURS: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

Address = tuple[socket.AddressFamily, tuple[object, ...]]


def bind(host: str, port: int) -> tuple[socket.socket, ...]:
    """Take a socket for each address that a host has on this machine; their port is known from then on.

    `localhost` is two addresses on most machines, and clients try whichever they like. One that this machine does not have, as
    `::1` where IPv6 is switched off, is left out as long as there is another.

    Args:
        host: an address, or a name.
        port: the port; 0: one that is free.

    Raises:
        ConfigurationError: an address is taken, forbidden, or none of them is of this machine.
    """
    addresses = _addresses(host, port)
    for attempt in range(_TRIES):
        with contextlib.ExitStack() as undo:
            try:
                taken = _bind_all(host, addresses, undo)
            except OSError as problem:
                if port == 0 and problem.errno == errno.EADDRINUSE and attempt < _TRIES - 1:
                    continue
                raise ConfigurationError(_why_not(problem, host, port)) from None
            undo.pop_all()
            return taken
    raise AssertionError("the last attempt returns or raises")


def _addresses(host: str, port: int) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise ConfigurationError(f"The host {host} is no address of this machine: {problem}.") from None
    return tuple(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bind_all(host: str, addresses: tuple[Address, ...], undo: contextlib.ExitStack) -> tuple[socket.socket, ...]:
    """Take all that are there; the first decides which port the others get."""
    taken: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in addresses:
        place = (address[0], taken[0].getsockname()[1], *address[2:]) if taken else address
        try:
            taken.append(undo.enter_context(_bind_one(family, place, both=host == BOTH_FAMILIES)))
        except OSError as problem:
            if problem.errno not in _NOT_OURS:
                raise
            missing = problem
    if not taken and missing is not None:
        raise missing
    return tuple(taken)


def _bind_one(family: socket.AddressFamily, address: tuple[object, ...], *, both: bool) -> socket.socket:
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        taken.bind(address)
    except OSError:
        taken.close()
        raise
    taken.set_inheritable(True)
    return taken


def _why_not(problem: OSError, host: str, port: int) -> str:
    match problem.errno:
        case errno.EADDRINUSE:
            return f"The port {port} of {host} is taken. Choose another one with --port, or 0 for any free one."
        case errno.EACCES:
            return f"The port {port} may not be used by this user. Choose one above 1023 with --port."
        case _:
            return f"{host} port {port} cannot be listened on: {problem.strerror}."
