"""What records run their SQL on, and how they read consecutive rows of a list; the same for every engine."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from clientry.records.account import Account
from clientry.records.client import Client
from clientry.storage import Forms, Position, Slice, Start
from clientry.storage.dialect import Dialect
from clientry.storage.rows import Row
from clientry.storage.tables import Table

RecordT = TypeVar("RecordT")


class Session(Protocol):
    """Runs SQL inside one transaction."""

    @property
    def dialect(self) -> Dialect:
        """What is particular to the engine."""
        ...

    @property
    def locks(self) -> bool:
        """Whether a client that is read must stay as it is until the transaction ends."""
        ...

    @property
    def replaced(self) -> dict[str, Client | Account]:
        """What this transaction has replaced, by its id, as it was before."""
        ...

    @property
    def forms(self) -> Forms:
        """Which forms may be written, as far as this process knows."""
        ...

    async def run(self, statement: str, parameters: Row = (), *, scans: bool = False) -> list[Row]:
        """Run one statement and return its rows. `scans`: it may look at a whole list, and take seconds."""
        ...

    async def run_each(self, statement: str, many: Iterable[Row]) -> None:
        """Run one statement, which returns nothing, with one set of parameters after the other."""
        ...

    async def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Add many rows to a table, as fast as the engine can."""
        ...


def position_of(start: Start) -> tuple[int, str]:
    """Return the parameters of the place where a slice starts."""
    position = start.after or start.at or Position(0, "")
    return position.date_created, position.id


def slice_of(rows: list[Row], limit: int, record: Callable[[Row], RecordT]) -> Slice[RecordT]:
    """Return rows as a slice; one more than `limit` was asked for, to tell whether more follow."""
    return Slice(tuple(record(row) for row in rows[:limit]), more=len(rows) > limit)


async def position_back(
    session: Session, statement: str, parameters: Row, rows: int, *, scans: bool = False
) -> Position | None:
    """Return the position `rows` rows back, or the farthest if there are fewer; None: there is none."""
    found = await session.run(statement, (*parameters, 1, rows - 1), scans=scans)
    if not found:
        # There are fewer: the newest is the last that an ordered walk over fewer than `rows` rows finds.
        found = (await session.run(statement, (*parameters, rows, 0), scans=scans))[-1:]
    return Position(*found[0]) if found else None
