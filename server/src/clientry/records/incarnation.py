"""The incarnations of a database, and how a node notices that one went back to an earlier state.

An incarnation begins with the first start, and with each restore that is told. A database that goes back without being told (a
file copied over it, a recovery by its own tools, a failover that lost something) is in the same incarnation, or in one that was
over, and lacks what is known to have been in it. What was stopped since then is alive again.
"""

from typing import Final

from msgspec import Struct

MAX_EARLIER: Final = 1_000
"""Incarnations that a node remembers; there is a new one with each restore."""


class EventPlace(Struct, frozen=True):
    """An audit event that is, or was, in the database.

    Attributes:
        account_id: whose chain it is in.
        sequence: where in it.
        hash: its hash, and so that of everything before it in the chain.
    """

    account_id: str
    sequence: int
    hash: bytes


class Incarnation(Struct, frozen=True):
    """What a database says about itself.

    Attributes:
        incarnation_id: 128 random bits, in hexadecimal.
        latest: an audit event of the last seconds in which there were any, so that every node learns of it.
    """

    incarnation_id: str
    latest: EventPlace | None = None


class HighWaterMark(Struct, frozen=True):
    """What a node knows to have been in the database.

    Attributes:
        incarnation_id: the incarnation that it knew last.
        earlier: those that it knew before, the oldest first.
        events: audit events of this incarnation.
        signing_keys: ids of signing keys of this incarnation.
    """

    incarnation_id: str
    earlier: tuple[str, ...] = ()
    events: tuple[EventPlace, ...] = ()
    signing_keys: tuple[str, ...] = ()


class Standing(Struct, frozen=True):
    """What is in the database now.

    Attributes:
        incarnation: what it says about itself.
        events: those of the events of a mark that it has.
        signing_keys: the ids of its signing keys.
    """

    incarnation: Incarnation
    events: tuple[EventPlace, ...]
    signing_keys: tuple[str, ...]


def went_back(mark: HighWaterMark, now: Standing) -> str | None:
    """Return what a database lacks that went back since a mark was made, None: nothing, or it began a new incarnation."""
    if now.incarnation.incarnation_id in mark.earlier:
        return f"it is in the incarnation {now.incarnation.incarnation_id} again, which was over"
    if now.incarnation.incarnation_id != mark.incarnation_id:
        return None
    for event in mark.events:
        if event not in now.events:
            return f"audit event {event.sequence} of {event.account_id} was in it, and is not any more"
    for kid in mark.signing_keys:
        if kid not in now.signing_keys:
            return f"the signing key {kid} was in it, and is not any more"
    return None


def raised(mark: HighWaterMark | None, now: Standing, own: EventPlace | None) -> HighWaterMark:
    """Return the mark of a database that did not go back. `own`: the last event that this process knows to be in it."""
    incarnation_id, latest = now.incarnation.incarnation_id, now.incarnation.latest
    earlier = () if mark is None else mark.earlier
    if mark is not None and mark.incarnation_id != incarnation_id:
        earlier = (*earlier, mark.incarnation_id)[-MAX_EARLIER:]
    events = tuple(dict.fromkeys(event for event in (own, latest) if event is not None))
    if not events and mark is not None and mark.incarnation_id == incarnation_id:
        events = mark.events
    return HighWaterMark(incarnation_id, earlier, events, now.signing_keys)
