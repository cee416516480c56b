"""Connections to an SQLite file, on apsw, and what its errors mean."""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import apsw

from clientry import files
from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.storage.rows import Row

SAFE_VERSION: Final = (3, 51, 3)
"""Every SQLite before it can lose acknowledged commits in WAL mode with two connections (sqlite.org/wal.html#walresetbug)."""
BUSY_TIMEOUT_MS: Final = 1_500
"""How long a statement waits for another process; below the two seconds within which every request is answered."""

BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite puts beside a file: the end of its name."""

_PRAGMAS: Final = ("synchronous = full", "foreign_keys = on", "journal_size_limit = 67108864")
OUTAGES: Final = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.NoMemError,
    apsw.CorruptError,
    apsw.NotADBError,
)
"""What a database cannot help; everything else that apsw raises is a mistake of ours."""


def check_version(version: str) -> None:
    """Refuse an SQLite library that can lose commits.

    Raises:
        ConfigurationError: it is too old.
    """
    if tuple(int(part) for part in version.split(".")) < SAFE_VERSION:
        needed = ".".join(map(str, SAFE_VERSION))
        raise ConfigurationError(
            f"The SQLite library is {version}; at least {needed} is needed: older ones can lose commits in WAL mode."
        )


def connect(path: Path, *, reading: bool = False) -> apsw.Connection:
    """Open a file that is there; one that is only read stays byte for byte as it is.

    Raises:
        ConfigurationError: it is no database.
        StorageUnavailable: it cannot be used now.
    """
    with outages():
        try:
            connection = apsw.Connection(str(path))
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # Else every statement is planned anew whenever a parameter is bound: 16 µs a lookup instead of 3.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            for pragma in (*_PRAGMAS, "query_only = 1" if reading else "journal_mode = wal"):
                execute(connection, f"PRAGMA {pragma}")
        except apsw.NotADBError:
            raise ConfigurationError(f"{path} is not a Clientry database.") from None
    return connection


def refuse_leftovers(path: Path) -> None:
    """Check that nothing of an earlier database is beside a file that is about to be made: SQLite would play it over the new one.

    Raises:
        ConfigurationError: something is.
    """
    left = [name for name in (path.name + suffix for suffix in BESIDE) if path.with_name(name).exists()]
    if left:
        raise ConfigurationError(
            f"In {path.parent} there is still {' and '.join(left)}, of a database that was here before: it would be played "
            f"over the new {path.name}, and undo it. If that database is to come back, put its {path.name} back beside it. "
            "If not, move what is left away, and try again."
        )


def make_private(path: Path) -> None:
    """Make a file that only its owner can read, unless there is one.

    Raises:
        ConfigurationError: it cannot be made, or something of an earlier database is beside it.
    """
    try:
        refuse_leftovers(path)
    except ConfigurationError:
        if not path.exists():  # else it belongs to the file, which another process may have made in this moment
            raise
    try:
        os.close(files.open_private(path))
    except OSError as problem:
        raise ConfigurationError(f"The database {path} cannot be opened: {problem.strerror}.") from None


def execute(connection: apsw.Connection, statement: str, parameters: Row = ()) -> list[Row]:
    """Run one statement to its end, so that nothing keeps the state of the database that it saw."""
    run = cast("Any", connection).execute  # its stub names a type of a newer Python
    return run(statement, parameters).fetchall()


def execute_many(connection: apsw.Connection, statement: str, many: Iterable[Row]) -> None:
    """Run one statement, which returns nothing, with one set of parameters after the other."""
    cast("Any", connection).executemany(statement, many)


@contextmanager
def outages() -> Generator[None]:
    """Turn what a database cannot help into `StorageUnavailable`."""
    try:
        yield
    except OUTAGES as problem:
        raise StorageUnavailable(type(problem).__name__) from problem
