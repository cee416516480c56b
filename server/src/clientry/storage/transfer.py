"""Moving a whole database: a backup, its restoring, and the way from one engine to the other are the same copy.

The source is read in one state, while others go on writing to it. The target is there whole, or not at all: a database that holds
something already is refused, and what is copied is compared, row for row, before it is there.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, TypeVar

import msgspec
from msgspec import Struct

from clientry.errors import ConfigurationError
from clientry.storage import Transaction
from clientry.storage.migration import Applied
from clientry.storage.rows import Row
from clientry.storage.tables import TABLES, Table

T = TypeVar("T")

BATCH: Final = 5_000
"""Rows that are held at a time."""


class Source(Protocol):
    """One state of a database."""

    async def count(self, table: Table) -> int:
        """Return how many rows a table has."""
        ...

    def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        """Yield the rows of a table in the order of its key, at most `BATCH` at a time."""
        ...

    async def migrations(self) -> tuple[Applied, ...]:
        """Return the migrations that it has seen."""
        ...


class Target(Source, Protocol):
    """A database that is being filled, and appears when its context ends without an error."""

    async def add(self, table: Table, rows: Iterable[Row]) -> None:
        """Add rows to a table."""
        ...

    async def rename(self, migrations: Iterable[Applied]) -> None:
        """Give migrations that it has seen the names that they have elsewhere: how far they are finished."""
        ...

    async def change(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Change what was added, before anybody else can see it."""
        ...


class Copied(Struct, frozen=True):
    """What was copied of a table, and found there again.

    Attributes:
        table: its name.
        rows: how many.
        checksum: SHA-256 over all rows in the order of the key, in hexadecimal.
    """

    table: str
    rows: int
    checksum: str


class Mismatch(Exception):
    """What was written is not what was read: the target was thrown away."""


async def copy(
    source: AbstractAsyncContextManager[Source],
    target: AbstractAsyncContextManager[Target],
    on_progress: Callable[[int, int], None],
    then: Callable[[Target], Awaitable[None]] | None = None,
) -> tuple[Copied, ...]:
    """Copy everything.

    Args:
        source: where from.
        target: where to.
        on_progress: is told how many rows of how many were written or compared.
        then: changes the target once it was compared, before it is there.

    Raises:
        ConfigurationError: the target holds something, or one of them cannot be used.
        Mismatch: the target does not hold what it was given.
    """
    async with source as reading, target as writing:
        total = 0
        for table in TABLES:
            total += await reading.count(table)
            if await writing.count(table):
                raise ConfigurationError("The target holds data already; nothing was changed.")
        progress = _Progress(2 * total, on_progress)
        written = [await _copy_table(reading, writing, table, progress) for table in TABLES]
        for copied, table in zip(written, TABLES, strict=True):
            digest = _Digest(table)
            async for rows in writing.rows(table):
                digest.take(rows)
                progress.add(len(rows))
            if digest.copied() != copied:
                raise Mismatch(f"The table {table.name} differs; nothing was kept.")
        await writing.rename(await reading.migrations())
        if then is not None:
            await then(writing)
        return tuple(written)


class _Progress:
    def __init__(self, total: int, tell: Callable[[int, int], None]) -> None:
        self._done = 0
        self._total = total
        self._tell = tell

    def add(self, rows: int) -> None:
        self._done += rows
        self._tell(self._done, self._total)


class _Digest:
    """Sums up a table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._hash = hashlib.sha256()
        self._rows = 0
        self._encoder = msgspec.msgpack.Encoder()

    def take(self, rows: list[Row]) -> None:
        for row in rows:
            self._hash.update(self._encoder.encode(tuple(row)))
        self._rows += len(rows)

    def copied(self) -> Copied:
        return Copied(self._table.name, self._rows, self._hash.hexdigest())


async def _copy_table(source: Source, target: Target, table: Table, progress: _Progress) -> Copied:
    digest = _Digest(table)
    async for rows in source.rows(table):
        digest.take(rows)
        await target.add(table, rows)
        progress.add(len(rows))
    return digest.copied()
