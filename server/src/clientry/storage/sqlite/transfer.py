"""An SQLite file as the source or the target of a copy."""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw

from clientry import files
from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.storage import Forms, Transaction
from clientry.storage import statements as sql
from clientry.storage.migration import Applied, refuse_pending
from clientry.storage.rows import Row
from clientry.storage.sqlite.connection import connect, execute, execute_many, outages, refuse_leftovers
from clientry.storage.sqlite.schema import migrate, read_schema
from clientry.storage.sqlite.session import run_body
from clientry.storage.tables import Table
from clientry.storage.transfer import BATCH

T = TypeVar("T")


class _Tables:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def count(self, table: Table) -> int:
        return int(execute(self._connection, table.count)[0][0])

    async def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        found: Iterator[Row] = cast("Any", self._connection).execute(table.select)
        while rows := list(islice(found, BATCH)):
            yield rows

    async def change(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        return run_body(body, self._connection, Forms(await self.migrations()))

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
        ConfigurationError: it is no database, damaged, or newer than the program.
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
                _refuse_damaged(path, connection)
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
    refuse_leftovers(path)
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


def lacks_its_log(path: Path) -> bool:
    """Tell whether a file is that of a server, copied without its `-wal`: what only that held is not in it, and nobody can tell.

    A backup is not in WAL mode. One that a server closed in good order has no `-wal`, and lacks nothing, but looks the same.
    """
    with path.open("rb") as file:
        header = file.read(20)
    return header[18:20] == b"\x02\x02" and not path.with_name(path.name + "-wal").exists()


def _refuse_damaged(path: Path, connection: apsw.Connection) -> None:
    found = execute(connection, "PRAGMA quick_check(1)")[0][0]
    if found != "ok":
        raise ConfigurationError(
            f"{path} is damaged ({found}). A file that is copied while a server writes to it is not one state: use clientry backup."
        )


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
