"""The states of a connection: for each one how long it may last, how much it may hold, and what happens when its time is over.

This table is the one place where the deadlines and the bounds of a connection stand; the tests read them here.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

MAX_HEAD: Final = 16_384
"""Bytes of the request line and the header fields."""
MAX_BODY_HELD: Final = 65_536
"""Bytes of a body that wait for the application; the rest waits at the client."""
MAX_PIPELINED: Final = 16_384
"""Bytes of further requests that may be sent before a request is answered."""
MAX_DROPPED: Final = 1_048_576
"""Bytes that are thrown away after an answer, so that the client can read it, before the connection is broken."""

ANSWER_TIME: Final = 120.0
"""Seconds from one part of an answer to the next, or from the request to the first."""
WRITE_TIME: Final = 30.0
"""Seconds in which a client must read something of what was sent to it."""
DROP_TIME: Final = 0.7
"""Seconds that a client has to read its answer and to close, where it sent more than was read."""
LAST_WORD_TIME: Final = 1.0
"""Seconds that a new connection has to ask for something when the server is ending."""


class Times(Struct, frozen=True):
    """What the operator sets of the times of a connection, in seconds.

    Attributes:
        header: from the first byte of a head to its last; also from a connection to its first byte, TLS included.
        body: from the end of a head to the end of its body.
        keep_alive: from an answer to the next request.
    """

    header: float
    body: float
    keep_alive: float


class State(Enum):
    """What a connection is doing."""

    SHAKING_HANDS = "shaking hands"
    """TLS is not agreed on."""
    NEW = "new"
    """Nothing was received."""
    HEAD = "head"
    """A part of a head was received."""
    BODY = "body"
    """A head was received, its body was not, and the application is at work."""
    ANSWERING = "answering"
    """A whole request was received, and the application is at work."""
    WRITING = "writing"
    """The client does not read as fast as it is answered."""
    KEPT = "kept"
    """A request was answered, and nothing was received since."""
    DROPPING = "dropping"
    """The last answer was sent; what is still received is thrown away, so that the client can read it."""
    CLOSING = "closing"
    """Nothing more is read; what was sent is on its way."""
    CLOSED = "closed"
    """It is over."""


class Late(Enum):
    """What happens to a connection whose state has lasted too long."""

    CLOSE = "close"
    """It is closed without a word: nothing was asked."""
    REFUSE = "refuse"
    """It is told so, and closed."""
    TELL = "tell"
    """The application is told that no more comes, and refuses the request in its own words."""
    ABORT = "abort"
    """It is broken off, whatever is still on its way."""


class Rule(Struct, frozen=True):
    """What holds in a state.

    Attributes:
        seconds: how long it may last; None: for ever, because it is the end.
        late: what happens then.
        held: bytes from the client that it may keep.
        dropped: bytes from the client that it may throw away.
    """

    seconds: Callable[[Times], float] | None
    late: Late
    held: int = 0
    dropped: int = 0


RULES: Final[Mapping[State, Rule]] = MappingProxyType(
    {
        State.SHAKING_HANDS: Rule(lambda times: times.header, Late.ABORT),
        State.NEW: Rule(lambda times: times.header, Late.CLOSE),
        State.HEAD: Rule(lambda times: times.header, Late.REFUSE, held=MAX_HEAD),
        State.BODY: Rule(lambda times: times.body, Late.TELL, held=MAX_BODY_HELD),
        State.ANSWERING: Rule(lambda _: ANSWER_TIME, Late.ABORT, held=MAX_PIPELINED),
        State.WRITING: Rule(lambda _: WRITE_TIME, Late.ABORT, held=MAX_PIPELINED),
        State.KEPT: Rule(lambda times: times.keep_alive, Late.CLOSE),
        State.DROPPING: Rule(lambda _: DROP_TIME, Late.CLOSE, dropped=MAX_DROPPED),
        State.CLOSING: Rule(lambda _: WRITE_TIME, Late.ABORT),
        State.CLOSED: Rule(None, Late.ABORT),
    }
)
