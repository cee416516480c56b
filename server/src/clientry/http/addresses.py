"""Where a request came from: the peer's address, or the one that trusted proxies say."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from msgspec import Struct

from clientry.http.exchange import Scope, header_values

Network = IPv4Network | IPv6Network

_WITH_PORT: Final = re.compile(r"\[(?P<ipv6>[^\[\]]+)\](?::\d{1,5})?|(?P<ipv4>[^:]+):\d{1,5}")


def peer_address(told: str) -> str:
    """Return the address of a peer as the system tells it; an IPv4 one as such, also from a socket for both families."""
    return told[7:] if told.startswith("::ffff:") and "." in told else told


def normal_address(text: str) -> str | None:
    """Return an address that a header says, in its one spelling, without the port and the brackets that some proxies write.

    Returns:
        the address, an IPv4 one as such even where it is written as IPv6; None where it is none.
    """
    bare = text.strip().strip('"')
    match = _WITH_PORT.fullmatch(bare)
    try:
        address = ip_address(bare if match is None else match["ipv6"] or match["ipv4"])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


class Proxies(Struct, frozen=True):
    """Whose forwarded headers count; nobody's where there is no proxy."""

    networks: tuple[Network, ...] = ()

    def trusts(self, address: str) -> bool:
        """Tell whether this address is one of the proxies'."""
        if not self.networks:
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.networks)

    def origin(self, peer: str, scope: Scope) -> str:
        """Return where a request came from: the right-most address that is no proxy's."""
        forwarded = b",".join(header_values(scope, b"x-forwarded-for")).decode("latin-1")
        address = peer
        for entry in reversed([entry for entry in forwarded.split(",") if entry.strip()]):
            said = normal_address(entry) if self.trusts(address) else None
            if said is None:
                break
            address = said
        return address


def proxies(networks: tuple[str, ...]) -> Proxies:
    """Return the proxies of these networks, e.g. `10.0.0.0/8`."""
    return Proxies(tuple(ip_network(network) for network in networks))
