"""What a connection makes of some bytes, cut into parts: the same, however they are cut."""

from collections.abc import Iterable
from typing import NamedTuple

from clientry.process.connection import Connection
from clientry.process.events import Event, More, Refusal, Request
from clientry.process.head import Head
from clientry.process.states import RULES, State, Times

TIMES = Times(header=10.0, body=10.0, keep_alive=75.0)


class Whole(NamedTuple):
    """A request that was read to its end."""

    head: Head
    body: bytes


class Reading(NamedTuple):
    """What was read.

    Attributes:
        requests: those that came whole; each is answered as soon as it has.
        refusal: the status with which the connection ended, 0: none.
        path: what was refused, where that could be read.
        state: what it does now.
        part: the part of a body that has come, where the rest has not.
        overflowed: more was sent behind a request than is kept: that depends on when it was answered, and so on the cuts.
    """

    requests: tuple[Whole, ...]
    refusal: int
    path: bytes
    state: State
    part: bytes
    overflowed: bool


def read(parts: Iterable[bytes]) -> Reading:
    """Feed parts to a connection, and answer each request as soon as it is whole."""
    connection = Connection(TIMES, 0.0)
    requests: list[Whole] = []
    refusal, path, head, body, overflowed = 0, b"", None, b"", False
    for part in parts:
        event: Event | None = connection.receive(part, 0.0)
        while event is not None:
            match event:
                case Request(head=new, body=more, is_whole=is_whole):
                    head, body = new, more
                case More(body=more, is_whole=is_whole):
                    body += more
                case Refusal(status=status):
                    refusal, path, body, is_whole = status, event.path, b"", False
                case _:
                    raise AssertionError(event)
            event = None
            overflowed = overflowed or connection.is_full
            if is_whole and head is not None:
                requests.append(Whole(head, body))
                event = connection.answered(0.0, keep_alive=head.keep_alive)
                head, body = None, b""
        assert connection.held <= max(RULES[connection.state].held, RULES[State.HEAD].held + 4), connection.state
    state = State.DROPPING if connection.state is State.CLOSING else connection.state
    return Reading(tuple(requests), refusal, path, state, body, overflowed)


def cut(raw: bytes, places: Iterable[int]) -> list[bytes]:
    """Return bytes in parts that end at these places; no part is empty."""
    ends = sorted({place % len(raw) for place in places} - {0}) if raw else []
    return [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True) if start < end]
