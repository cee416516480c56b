"""A PostgreSQL database as the source or the target of a copy."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from clientry.settings.database_url import DatabaseUrl
from clientry.storage import Forms, Transaction
from clientry.storage import statements as sql
from clientry.storage.migration import Applied, refuse_pending
from clientry.storage.postgres.connection import PATIENT_TIMEOUT, Connection, connect, explained
from clientry.storage.postgres.schema import migrate, read_schema
from clientry.storage.postgres.session import Session
from clientry.storage.records import Records
from clientry.storage.rows import Row
from clientry.storage.tables import Table
from clientry.storage.transfer import BATCH

T = TypeVar("T")


class _Tables:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count(self, table: Table) -> int:
        return int((await self._connection.fetch(table.count))[0][0])

    async def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        await self._connection.execute(f"DECLARE moved NO SCROLL CURSOR FOR {table.select}")
        while rows := await self._connection.fetch(f"FETCH {BATCH} FROM moved"):
            yield rows
        await self._connection.execute("CLOSE moved")

    async def change(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        return await body(Records(Session(self._connection, Forms(await self.migrations()))))

    async def add(self, table: Table, rows: Iterable[Row]) -> None:
        await self._connection.copy_records_to_table(table.name, records=rows, columns=table.columns)

    async def migrations(self) -> tuple[Applied, ...]:
        return tuple(Applied(*row) for row in await self._connection.fetch(sql.MIGRATIONS_DONE))

    async def rename(self, migrations: Iterable[Applied]) -> None:
        await self._connection.executemany(sql.MIGRATION_RENAME, [(one.name, one.number) for one in migrations])


@asynccontextmanager
async def open_source(url: DatabaseUrl) -> AsyncGenerator[_Tables]:
    """Open one state of a database.

    Raises:
        ConfigurationError: it cannot be used, or its schema is not what the program needs.
    """
    with explained(url):
        refuse_pending(await read_schema(url))
        connection = await connect(url, within=PATIENT_TIMEOUT)
    try:
        await _begin(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield _Tables(connection)
    finally:
        await connection.close(timeout=1)


@asynccontextmanager
async def open_target(url: DatabaseUrl) -> AsyncGenerator[_Tables]:
    """Fill an empty database, in one transaction.

    Raises:
        ConfigurationError: it cannot be used.
    """
    with explained(url):
        await migrate(url)
        connection = await connect(url, within=PATIENT_TIMEOUT)
    try:
        await _begin(connection, "BEGIN ISOLATION LEVEL READ COMMITTED")
        yield _Tables(connection)
        await connection.execute("COMMIT")
        await connection.execute("ANALYZE")
    finally:
        await connection.close(timeout=1)


async def _begin(connection: Connection, statement: str) -> None:
    """Begin a transaction that may take long, and be idle while the other side works."""
    await connection.execute(f"{statement}; SET LOCAL idle_in_transaction_session_timeout = 0")
