"""Lists: any page size in bounded memory. A page is read in chunks, each behind the last row of the one before."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Generic, TypeVar

from msgspec import Struct

from clientry.records.client import Client
from clientry.storage import Listable, Position, Slice, Snapshot, Start, Storage

CHUNK: Final = 500
"""Rows that are read, and held, at a time."""

RecordT = TypeVar("RecordT")
FilterT = TypeVar("FilterT")


class PageRequest(Struct, frozen=True):
    """Which page is wanted.

    Attributes:
        size: rows per page, at least 1.
        number: 1 for the first page.
        after: the page starts behind this position, whatever its number.
        before: the page ends before this position, whatever its number; not both.
    """

    size: int
    number: int
    after: Position | None = None
    before: Position | None = None


class Listed(Struct, Generic[FilterT, RecordT], frozen=True):
    """What is listed, and how.

    Attributes:
        wanted: the filter.
        source: finds the records in a snapshot.
        position: tells where a record stands in the order.
        permit: checks, before each further part, in the state that the part is read from, that whoever asked may still be told.
    """

    wanted: FilterT
    source: Callable[[Snapshot], Listable[FilterT, RecordT]]
    position: Callable[[RecordT], Position]
    permit: Callable[[Snapshot], Awaitable[None]]


class Listing(Generic[RecordT]):
    """One page, being read.

    Attributes:
        count: the size of the whole result.
        first: the position of the page's first row, None on an empty page.
        last: the position of the last row that was read so far.
        more: whether rows follow the page; right once `chunks` has ended.
        is_whole: whether the page's first chunk is all of it.
    """

    def __init__(
        self,
        count: int,
        head: Slice[RecordT],
        size: int,
        position: Callable[[RecordT], Position],
        following: Callable[[Position, int], AsyncIterator[Slice[RecordT]]],
    ) -> None:
        self.count = count
        self.first = position(head.items[0]) if head.items else None
        self.last = position(head.items[-1]) if head.items else None
        self.more = head.more
        self.is_whole = len(head.items) >= size or not head.more
        self._head = head
        self._position = position
        self._following = following

    async def chunks(self) -> AsyncIterator[tuple[RecordT, ...]]:
        """Yield the page's rows, newest first, at most `CHUNK` at a time.

        Raises:
            Unauthorized: whoever asked was stopped meanwhile.
        """
        yield self._head.items
        if self.last is not None and not self.is_whole:
            async for part in self._following(self.last, len(self._head.items)):
                self.more = part.more
                if part.items:
                    self.last = self._position(part.items[-1])
                yield part.items


async def open_listing(storage: Storage, listed: Listed[FilterT, RecordT], page: PageRequest) -> Listing[RecordT]:
    """Read the count and the first chunk of a page, from one state of the database; the rest is read as it is asked for."""
    wanted = listed.wanted

    async def head(snapshot: Snapshot) -> tuple[int, Slice[RecordT]]:
        source = listed.source(snapshot)
        count = await source.count(wanted)
        start = await _start(source, wanted, page)
        if start.offset >= count and start.offset > 0:
            return count, Slice((), more=False)
        return count, await source.slice(wanted, start, min(page.size, CHUNK))

    async def following(last: Position, already: int) -> AsyncIterator[Slice[RecordT]]:
        missing = page.size - already
        while missing > 0:
            part = await _read_slice(storage, listed, Start(after=last), min(missing, CHUNK))
            yield part
            if not part.more:
                return
            last = listed.position(part.items[-1])
            missing -= len(part.items)

    count, first = await storage.read(head)
    return Listing(count, first, page.size, listed.position, following)


async def _start(source: Listable[FilterT, RecordT], wanted: FilterT, page: PageRequest) -> Start:
    if page.after is not None:
        return Start(after=page.after)
    if page.before is not None:
        return Start(at=await source.back(wanted, page.before, page.size))
    return Start(offset=(page.number - 1) * page.size)


async def _read_slice(storage: Storage, listed: Listed[FilterT, RecordT], start: Start, limit: int) -> Slice[RecordT]:
    async def body(snapshot: Snapshot) -> Slice[RecordT]:
        await listed.permit(snapshot)
        return await listed.source(snapshot).slice(listed.wanted, start, limit)

    return await storage.read(body)


def client_position(client: Client) -> Position:
    """Return where a client stands in a list."""
    return Position(client.date_created, client.client_id)
