"""Marks: what an access token carries of all that can stop it. They are compared on use, and so no clock tells what was first.

Whatever stops tokens, and whatever lifts a stop again, gives what it is about a new *salt*: a client, an account, or a scope of a
client. The mark of each is made from its name and its salt. A token carries the marks as they were when it was issued; where one is
another now, the token is from before a stop. What was never stopped has no salt: its mark is made from its name alone, so that only
what was ever stopped needs to be read.

A salt is the random part of the id of the audit event that tells of the change. So none is ever the same again, also when a
database goes back to an earlier state.
"""

import base64
import hashlib
from functools import lru_cache
from typing import Final

from msgspec import Struct

MARK_LENGTH: Final = 8
"""Characters of a mark, for 48 bits: enough for what is only ever compared with one other mark, of the same thing."""
_RANDOM_PART: Final = 16
"""Characters at the end of an id that hold its 80 random bits."""
_REMEMBERED: Final = 16_384
"""Marks, and the marks of paths, that are not made again."""


class Stop(Struct, frozen=True):
    """The moment of a change that stops tokens, or lifts such a stop.

    Attributes:
        at: seconds since 1970-01-01T00:00:00Z.
        salt: what the marks are made from from now on; empty while there are nodes that understand no marks.
    """

    at: float
    salt: str

    @property
    def cutoff(self) -> int:
        """The second before which tokens without marks count as issued before it: the next one, because `iat` has whole seconds."""
        return int(self.at) + 1


def salt_of(event_id: str) -> str:
    """Return the salt of what an audit event tells of."""
    return event_id[-_RANDOM_PART:]


@lru_cache(_REMEMBERED)
def mark(name: str, salt: str = "") -> str:
    """Return the mark of a client or an account, by its id, or of a scope, by `scope_name`."""
    digest = hashlib.sha256(f"{name}\n{salt}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:MARK_LENGTH]


@lru_cache(_REMEMBERED)
def path_marks(path: tuple[str, ...], salts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the marks of the accounts on a path. `salts`: theirs, in the same order; none at all where no account has one."""
    return tuple(map(mark, path, salts or ("",) * len(path)))


def scope_name(client_id: str, scope: str) -> str:
    """Return what the mark of a scope of a client is made from."""
    return f"{client_id} {scope}"
