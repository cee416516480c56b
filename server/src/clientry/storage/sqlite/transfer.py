"""An SQLite file as the source or the target of a copy."""

import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast

import apsw

from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.storage.migration import refuse_pending
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
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        refuse_pending(_made(draft))
        connection = connect(draft)
        try:
            with outages():
                execute(connection, "PRAGMA journal_mode = delete")
                execute(connection, "BEGIN IMMEDIATE")
                yield _Tables(connection)
                execute(connection, "COMMIT")
        finally:
            connection.close()
        _publish(draft, path, replace=replace)
    finally:
        for left in path.parent.glob(f"{draft.name}*"):
            left.unlink()


def _made(draft: Path) -> Any:
    migrate(draft)
    return read_schema(draft)


def _publish(draft: Path, path: Path, *, replace: bool) -> None:
    """Give the file its name, on disk as well; unlike a rename a link never replaces what another process made meanwhile."""
    try:
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
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
