"""Reading and beginning incarnations of the database."""

from typing import Protocol

from clientry.records.incarnation import EventPlace, Incarnation


class IncarnationReads(Protocol):
    """Reading what the database says about itself."""

    async def get(self) -> Incarnation | None:
        """Return the incarnation, None in a database that is empty, or that only older programs have worked on."""
        ...


class IncarnationWrites(IncarnationReads, Protocol):
    """Reading and beginning incarnations."""

    async def add(self, incarnation: Incarnation) -> None:
        """Begin the first one; there must be none, else `AlreadyTaken`: of nodes that start together one does it."""
        ...

    async def replace(self, incarnation: Incarnation) -> None:
        """Begin the next one."""
        ...

    async def note(self, event: EventPlace) -> None:
        """Say of an audit event that it is in the database."""
        ...
