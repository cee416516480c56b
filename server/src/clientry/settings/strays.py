"""Names that look like a setting's and are none: misspelt, or made by Kubernetes for a service that is called like us."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_OURS = "CLIENTRY_"
_PROTOCOL = "(?:tcp|udp|sctp)"
_LINK = re.compile(
    rf"CLIENTRY(_\w+?)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_{_PROTOCOL}(_(PROTO|PORT|ADDR))?)", re.IGNORECASE
)
_PORT = re.compile(r"CLIENTRY(_\w+)?_PORT")
_PLACE = re.compile(rf"{_PROTOCOL}://.*", re.IGNORECASE)


def is_service_link(name: str, value: str) -> bool:
    """Tell whether Kubernetes, or Docker for a link, made this variable: `CLIENTRY_PORT=tcp://10.0.0.7:8080` and its like."""
    if _LINK.fullmatch(name):
        return True
    return _PORT.fullmatch(name) is not None and _PLACE.fullmatch(value) is not None


def meant(name: str, known: Iterable[str]) -> str:
    """Return which name was meant, as the end of a sentence; "" where none is near."""
    ends = {one.removeprefix(_OURS).lower(): one for one in known}
    near = get_close_matches(name.removeprefix(_OURS).lower(), ends, n=1)
    return f" (did you mean {ends[near[0]]}?)" if near else ""
