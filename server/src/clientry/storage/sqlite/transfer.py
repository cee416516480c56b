"""An SQLite file as the source or the target of a copy."""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast

import apsw

from clientry import files
from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.storage import statements as sql
from clientry.storage.migration import Applied, refuse_pending
from clientry.storage.rows import Row
from clientry.storage.sqlite.connection import connect, execute, execute_many, outages
from clientry.storage.sqlite.schema import migrate, read_schema
from clientry.storage.tables import Table
from clientry.storage.transfer import BATCH


class _Tables:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def count(self, table: Table) -> int:
        return int(execute(self._connection, table.count)[0][0])

    async def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        found: Iterator[Row] = cast("Any", self._connection).execute(table.select)
        while rows := list(islice(found, BATCH)):
            yield rows

    async def add(self, table: Table, rows: Iterable[Row]) -> None:
        execute_many(self._connection, table.insert, rows)

    async def migrations(self) -> tuple[Applied, ...]:
        return tuple(Applied(*row) for row in execute(self._connection, sql.MIGRATIONS_DONE))

    async def rename(self, migrations: Iterable[Applied]) -> None:
        execute_many(self._connection, sql.MIGRATION_RENAME, [(one.name, one.number) for one in migrations])


@asynccontextmanager
async def open_source(path: Path) -> AsyncGenerator[_Tables]:
    """Open one state of a file. One that an older version made is read through a copy that is brought up to date.

    Raises:
        ConfigurationError: it is no database, or newer than the program.
    """
    if not path.exists():
        raise ConfigurationError(f"There is no file {path}.")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        if read_schema(path).pending:
            path = _up_to_date(path, Path(folder) / "older.db")
        connection = connect(path, reading=True)
        try:
            with outages():
                execute(connection, "BEGIN")
                yield _Tables(connection)
        finally:
            connection.close()


@asynccontextmanager
async def open_target(path: Path, *, replace: bool = False) -> AsyncGenerator[_Tables]:
    """Fill a new file, which appears under its name when it is whole.

    Args:
        path: the file.
        replace: whether a file that is there is replaced.

    Raises:
        ConfigurationError: there is one already, or it cannot be made.
    """
    if path.exists() and not replace:
        raise ConfigurationError(f"{path} is there already; nothing was changed.")
    with ExitStack() as stack:
        with _explained(path):
            draft = stack.enter_context(files.draft_of(path))
        migrate(draft)
        refuse_pending(read_schema(draft))
        connection = connect(draft)
        try:
            with outages():
                execute(connection, "PRAGMA journal_mode = delete")
                execute(connection, "BEGIN IMMEDIATE")
                yield _Tables(connection)
                execute(connection, "COMMIT")
        finally:
            connection.close()
        with _explained(path):
            files.publish(draft, path, replace=replace)


@contextmanager
def _explained(path: Path) -> Generator[None]:
    """Say which file cannot be made."""
    try:
        yield
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be written: {problem.strerror}.") from None


def _up_to_date(path: Path, copied: Path) -> Path:
    old, new = connect(path, reading=True), apsw.Connection(str(copied))
    try:
        with outages(), new.backup("main", old, "main") as backup:
            while not backup.done:
                backup.step(1000)
    except StorageUnavailable as problem:
        raise ConfigurationError(f"{path} cannot be read: {problem}.") from None
    finally:
        old.close()
        new.close()
    migrate(copied)
    return copied
