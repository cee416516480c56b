"""The SQLite engine, on apsw.

Three kinds of connections: one on the event loop's thread for point reads, which take microseconds; one for each thread that
reads lists; and one for the writer thread, which runs the bodies of all waiting writes, each in its own savepoint, and commits
them at once: so a flush to disk is shared by whoever waits for it.
"""

import asyncio
import os
import queue
import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

import apsw

from clientry.client import Client
from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.storage import AlreadyTaken, Credentials, Snapshot, Transaction, migration
from clientry.storage import statements as sql
from clientry.storage.records import Records, credentials_of
from clientry.storage.rows import Row, client_of
from clientry.storage.statements import SQLITE

T = TypeVar("T")

SAFE_VERSION: Final = (3, 51, 3)
"""Every SQLite before it can lose acknowledged commits in WAL mode with two connections (sqlite.org/wal.html#walresetbug)."""
BUSY_TIMEOUT_MS: Final = 5_000
MAX_WAITING: Final = 10_000
MAX_GROUP: Final = 500
READERS: Final = 4

_PRAGMAS: Final = (
    "journal_mode = wal",
    "synchronous = full",
    "foreign_keys = on",
    "journal_size_limit = 67108864",
)
_OUTAGES = (
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


def _execute(connection: apsw.Connection, statement: str, parameters: Row = ()) -> list[Row]:
    """Run one statement to its end, so that nothing keeps the state of the database that it saw."""
    execute = cast("Any", connection).execute  # its stub names a type of a newer Python
    return execute(statement, parameters).fetchall()


class _Session:
    """Runs SQL on one connection; never suspends."""

    dialect = SQLITE

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def run(self, statement: str, parameters: Row = ()) -> list[Row]:
        return _execute(self._connection, statement, parameters)


class _Job(Generic[T]):
    """A write that waits for its turn, and for the commit."""

    def __init__(self, body: Callable[[Transaction], Awaitable[T]], loop: asyncio.AbstractEventLoop) -> None:
        self.body = body
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.failure: BaseException | None = None

    def deliver(self) -> None:
        """Tell the caller; on the event loop's thread."""
        if self.future.done():
            return
        if self.failure is not None:
            self.future.set_exception(self.failure)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]


class SqliteStorage:
    """`Storage` in one SQLite file.

    Args:
        path: the file; made, readable by its owner only, where it does not exist.

    Raises:
        ConfigurationError: the library is too old, the file is no database, or it is newer than the program.
        StorageUnavailable: the file cannot be used now.
    """

    def __init__(self, path: Path) -> None:
        check_version(apsw.sqlite_lib_version())
        self._path = path
        _make_private(path)
        self._writer_connection = self._connect()
        _migrate(self._writer_connection)
        self._inline = self._connect(reading=True)
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="clientry-reader")
        self._reader_connections: list[apsw.Connection] = []
        self._waiting: queue.Queue[_Job[Any] | None] = queue.Queue(MAX_WAITING)
        self._writer = threading.Thread(target=self._write_groups, name="clientry-writer")
        self._writer.start()

    async def credentials(self, client_id: str) -> Credentials | None:
        """Return a client with its secrets, None where there is none."""
        return credentials_of(self._look_up(sql.CLIENT_CREDENTIALS, client_id))

    async def client(self, client_id: str) -> Client | None:
        """Return a client, None where there is none."""
        rows = self._look_up(sql.CLIENT_GET, client_id)
        return client_of(rows[0]) if rows else None

    def _look_up(self, statement: str, key: str) -> list[Row]:
        """Run a point read on the event loop's thread.

        The look-ups of one turn of the loop share a read transaction, because taking its locks costs twice what a look-up does.
        It ends before anything that arrives later is handled: what was acknowledged before a request came is seen by it.
        """
        try:
            if not self._inline.in_transaction:
                _execute(self._inline, "BEGIN")
                asyncio.get_running_loop().call_soon(self._end_turn)
            return _execute(self._inline, statement, (key,))
        except _OUTAGES as problem:
            raise StorageUnavailable(type(problem).__name__) from problem

    def _end_turn(self) -> None:
        if self._inline.in_transaction:
            _execute(self._inline, "ROLLBACK")

    async def read(self, body: Callable[[Snapshot], Awaitable[T]]) -> T:
        """Run `body` over one consistent state, on a reader's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, body)

    async def write(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` on the writer's thread, and return when it is on disk."""
        job = _Job(body, asyncio.get_running_loop())
        try:
            self._waiting.put_nowait(job)
        except queue.Full:
            raise StorageUnavailable("too many writes are waiting") from None
        return await job.future

    async def check(self) -> None:
        """Return if the database can be read and written."""
        await self.write(_nothing)

    async def close(self) -> None:
        """Finish the writes that were accepted and close every connection."""
        self._waiting.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._writer.join)
        self._readers.shutdown()
        for connection in (*self._reader_connections, self._inline, self._writer_connection):
            connection.close()

    def _connect(self, *, reading: bool = False) -> apsw.Connection:
        with _outages():
            try:
                connection = apsw.Connection(str(self._path))
                connection.set_busy_timeout(BUSY_TIMEOUT_MS)
                # Else every statement is planned anew whenever a parameter is bound: 16 µs a lookup instead of 3.
                connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
                for pragma in (*_PRAGMAS, f"query_only = {int(reading)}"):
                    _execute(connection, f"PRAGMA {pragma}")
            except apsw.NotADBError:
                raise ConfigurationError(f"{self._path} is not a Clientry database.") from None
        return connection

    def _read(self, body: Callable[[Snapshot], Awaitable[T]]) -> T:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect(reading=True)
            self._reader_connections.append(connection)
        with _outages():
            _execute(connection, "BEGIN")
            try:
                return _run(body, Records(_Session(connection)))
            finally:
                _execute(connection, "ROLLBACK")

    def _write_groups(self) -> None:
        """Take whatever waits, run it, commit it, tell everybody; until there is a None."""
        while (job := self._waiting.get()) is not None:
            group = [job]
            last = False
            while len(group) < MAX_GROUP and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    last = True
                    break
                group.append(following)
            self._write_group(group)
            for done in group:
                done.loop.call_soon_threadsafe(done.deliver)
            if last:
                return

    def _write_group(self, group: list[_Job[Any]]) -> None:
        connection = self._writer_connection
        try:
            _execute(connection, "BEGIN IMMEDIATE")
            for job in group:
                self._write_one(job)
            _execute(connection, "COMMIT")
        except (*_OUTAGES, StorageUnavailable) as problem:
            if connection.in_transaction:
                _execute(connection, "ROLLBACK")
            for job in group:
                job.failure = StorageUnavailable(type(problem).__name__)

    def _write_one(self, job: _Job[Any]) -> None:
        """Run one body in its own savepoint; an outage ends the whole group, any other failure only this body."""
        connection = self._writer_connection
        _execute(connection, "SAVEPOINT body")
        try:
            job.result = _run(job.body, Records(_Session(connection)))
        except _OUTAGES:
            raise
        except apsw.ConstraintError:
            job.failure = AlreadyTaken()
            _execute(connection, "ROLLBACK TO body")
        except BaseException as problem:
            job.failure = problem
            _execute(connection, "ROLLBACK TO body")
        _execute(connection, "RELEASE body")


def _run(body: Callable[[Records], Awaitable[T]], records: Records) -> T:
    """Run a body to its end, at once: nothing that it may await suspends."""
    steps = body(records).__await__()
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    raise RuntimeError("The body of a transaction awaited something other than its transaction.")


async def _nothing(_transaction: Transaction) -> None:
    return


@contextmanager
def _outages() -> Generator[None]:
    """Turn what a database cannot help into `StorageUnavailable`."""
    try:
        yield
    except _OUTAGES as problem:
        raise StorageUnavailable(type(problem).__name__) from problem


def _make_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as problem:
        raise ConfigurationError(f"The database {path} cannot be opened: {problem.strerror}.") from None


def _migrate(connection: apsw.Connection) -> None:
    """Bring the schema up to date, one process at a time."""
    with _outages():
        _execute(connection, "BEGIN IMMEDIATE")
        try:
            _execute(connection, sql.MIGRATIONS_TABLE)
            done = [(row[0], row[1], row[2]) for row in _execute(connection, sql.MIGRATIONS_DONE)]
            for step in migration.pending(migration.load("sqlite"), done):
                _execute(connection, step.script)
                _execute(connection, sql.MIGRATION_ADD, (step.number, step.name, step.checksum))
            _execute(connection, "COMMIT")
        except BaseException:
            _execute(connection, "ROLLBACK")
            raise
