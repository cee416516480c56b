"""The SQLite engine, on apsw.

Three kinds of connections: one on the event loop's thread for point reads, which take microseconds; one for each thread that
reads lists; and one for the writer thread, which runs the bodies of all waiting writes, each in its own savepoint, and commits
them at once: so a flush to disk is shared by whoever waits for it.
"""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import apsw

from clientry.client import Client
from clientry.errors import OutcomeUnknown, StorageUnavailable
from clientry.storage import AlreadyTaken, Credentials, Snapshot, Transaction
from clientry.storage import statements as sql
from clientry.storage.migration import refuse_pending
from clientry.storage.records import Records, credentials_of
from clientry.storage.rows import Row, client_of
from clientry.storage.sqlite.connection import OUTAGES, check_version, connect, execute, execute_many, outages
from clientry.storage.sqlite.schema import read_schema
from clientry.storage.statements import SQLITE
from clientry.storage.tables import Table

T = TypeVar("T")

MAX_WAITING: Final = 10_000
MAX_GROUP: Final = 500
READERS: Final = 4


class _Session:
    """Runs SQL on one connection; never suspends."""

    dialect = SQLITE
    locks = False  # writes come one after another

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def run(self, statement: str, parameters: Row = ()) -> list[Row]:
        return execute(self._connection, statement, parameters)

    async def run_each(self, statement: str, many: Iterable[Row]) -> None:
        execute_many(self._connection, statement, many)

    async def insert(self, table: Table, rows: Iterable[Row]) -> None:
        execute_many(self._connection, table.insert, rows)


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
        path: the file, whose schema is up to date.

    Raises:
        ConfigurationError: the library is too old, the file is no database, or its schema is not what the program needs.
        StorageUnavailable: the file cannot be used now.
    """

    def __init__(self, path: Path) -> None:
        check_version(apsw.sqlite_lib_version())
        self._path = path
        refuse_pending(read_schema(path))
        self._writer_connection = connect(path)
        self._inline = connect(self._path, reading=True)
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
                execute(self._inline, "BEGIN")
                asyncio.get_running_loop().call_soon(self._end_turn)
            return execute(self._inline, statement, (key,))
        except OUTAGES as problem:
            raise StorageUnavailable(type(problem).__name__) from problem

    def _end_turn(self) -> None:
        if self._inline.in_transaction:
            execute(self._inline, "ROLLBACK")

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

    def _read(self, body: Callable[[Snapshot], Awaitable[T]]) -> T:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._path, reading=True)
            self._reader_connections.append(connection)
        with outages():
            execute(connection, "BEGIN")
            try:
                return _run(body, Records(_Session(connection)))
            finally:
                execute(connection, "ROLLBACK")

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
        committing = False
        try:
            execute(connection, "BEGIN IMMEDIATE")
            for job in group:
                self._write_one(job)
            committing = True
            execute(connection, "COMMIT")
        except (*OUTAGES, StorageUnavailable) as problem:
            if connection.in_transaction:
                execute(connection, "ROLLBACK")
            # A commit that could not be flushed may be found in the log all the same after a crash.
            unknown = committing and isinstance(problem, apsw.IOError)
            kind = OutcomeUnknown if unknown else StorageUnavailable
            for job in group:
                job.failure = kind(type(problem).__name__)

    def _write_one(self, job: _Job[Any]) -> None:
        """Run one body in its own savepoint; an outage ends the whole group, any other failure only this body."""
        connection = self._writer_connection
        execute(connection, "SAVEPOINT body")
        try:
            job.result = _run(job.body, Records(_Session(connection)))
        except OUTAGES:
            raise
        except apsw.ConstraintError:
            job.failure = AlreadyTaken()
            execute(connection, "ROLLBACK TO body")
        except BaseException as problem:
            job.failure = problem
            execute(connection, "ROLLBACK TO body")
        execute(connection, "RELEASE body")


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
