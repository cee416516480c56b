"""What a connection says of the bytes that it was given."""

from msgspec import Struct

from clientry.process.head import Head


class Request(Struct, frozen=True):
    """A request begins.

    Attributes:
        head: its head.
        body: what has come of its body.
        is_whole: that is all.
    """

    head: Head
    body: bytes
    is_whole: bool


class More(Struct, frozen=True):
    """More of the body of the request under way. `body`: the bytes; `is_whole`: that was all."""

    body: bytes
    is_whole: bool


class Refusal(Struct, frozen=True):
    """The connection ends with this.

    Attributes:
        status: the HTTP status.
        reason: a sentence for whoever sent it.
        path: what it was for, empty where that is not known.
    """

    status: int
    reason: str
    path: bytes = b""


class Gone(Struct, frozen=True):
    """Nothing more will come of the request under way: its client has gone."""


Event = Request | More | Refusal | Gone
