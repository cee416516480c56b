"""Identifiers: a prefix and a ULID in lower case (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits."""

import re
from typing import Final

from clientry.clock import Clock
from clientry.randomness import Random

CLIENT_PREFIX: Final = "apiclient_"
ACCOUNT_PREFIX: Final = "acct_"
SECRET_PREFIX: Final = "secret_"
EVENT_PREFIX: Final = "event_"

ULID_LENGTH: Final = 26
ACCOUNT_ID_LENGTH: Final = len(ACCOUNT_PREFIX) + ULID_LENGTH

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
_ULID = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")


def new_id(prefix: str, clock: Clock, random: Random) -> str:
    """Return a new identifier whose text sorts by the millisecond it was made in."""
    number = int(clock.now() * 1000) << 80 | int.from_bytes(random.bytes(10))
    return prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_id(prefix: str, text: str) -> bool:
    """Tell whether `text` has the form of an identifier with this prefix."""
    return text.startswith(prefix) and _ULID.fullmatch(text, len(prefix)) is not None
