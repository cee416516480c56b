"""What can be listed."""

from typing import Protocol, TypeVar

from clientry.storage.values import Position, Slice, Start

RecordT = TypeVar("RecordT")
FilterT_contra = TypeVar("FilterT_contra", contravariant=True)


class Listable(Protocol[FilterT_contra, RecordT]):
    """A kind of record that is listed newest first by (date_created, id)."""

    async def count(self, wanted: FilterT_contra) -> int:
        """Return exactly how many there are; its cost does not grow with them unless a text is filtered for."""
        ...

    async def slice(self, wanted: FilterT_contra, start: Start, limit: int) -> Slice[RecordT]:
        """Return at most `limit` records from `start` on, newest first."""
        ...

    async def back(self, wanted: FilterT_contra, before: Position, rows: int) -> Position | None:
        """Return the position `rows` rows newer than `before`, or the newest if there are fewer; None: there is none."""
        ...
