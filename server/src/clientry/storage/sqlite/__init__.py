"""The SQLite engine, on apsw.

Three kinds of connections: one on the event loop's thread for point reads, which take microseconds; one for each thread that
reads lists; and one for the thread that writes.
"""

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import apsw

from clientry.errors import StorageUnavailable
from clientry.records.account import Account
from clientry.records.client import Client
from clientry.records.incarnation import EventPlace
from clientry.storage import Credentials, Forms, Snapshot, Transaction
from clientry.storage import statements as sql
from clientry.storage.dialect import SQLITE
from clientry.storage.migration import Applied, refuse_pending
from clientry.storage.records import credentials_of
from clientry.storage.rows import Row, account_of, client_of
from clientry.storage.sqlite.connection import OUTAGES, check_version, connect, execute, outages
from clientry.storage.sqlite.schema import read_schema
from clientry.storage.sqlite.session import run_body
from clientry.storage.sqlite.writer import Writer

T = TypeVar("T")

READERS: Final = 4
"""Threads that read lists."""
MAPPED: Final = "mmap_size = 68719476736"
"""Reads look into the file where the system keeps it, as far as SQLite maps it: a third more tokens, with a million clients
twice as many, and a page of a list costs the same where nobody looked before, because nothing is copied. The pages are the
system's, not the process's, though they count as resident. An unreadable disk then ends the process, which is no answer at all.
"""
MIN_FREE: Final = 1_048_576
"""Bytes of the disk below which the database counts as one that cannot be written."""


class SqliteStorage:
    """`Storage` in one SQLite file.

    Args:
        path: the file, whose schema is up to date.

    Raises:
        ConfigurationError: the library is too old, the file is no database, or its schema is not what the program needs.
        StorageUnavailable: the file cannot be used now.
    """

    def __init__(self, path: Path) -> None:
        self.latest: EventPlace | None = None
        check_version(apsw.sqlite_lib_version())
        self._path = path
        schema = read_schema(path)
        refuse_pending(schema)
        self.forms = Forms(schema.done)
        self._writer = Writer(path, self.forms)
        self._inline = _reader(path)
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="clientry-reader")
        self._reader_connections: list[apsw.Connection] = []

    async def reread_forms(self) -> None:
        """Learn which forms may be written now."""
        self.forms.learn(Applied(*row) for row in self._look_up(sql.MIGRATIONS_DONE))

    async def credentials(self, client_id: str) -> Credentials | None:
        """Return a client with its secrets, None where there is none."""
        return credentials_of(self._look_up(sql.CLIENT_CREDENTIALS, client_id))

    async def client(self, client_id: str) -> Client | None:
        """Return a client, None where there is none."""
        rows = self._look_up(sql.client_get(SQLITE), client_id)
        return client_of(rows[0]) if rows else None

    async def registered(self, client_id: str) -> Client | None:
        """Return a client without what stops it on its path, None where there is none."""
        rows = self._look_up(sql.CLIENT_REGISTERED, client_id)
        return client_of(rows[0]) if rows else None

    async def account(self, account_id: str) -> Account | None:
        """Return an account, None where there is none."""
        rows = self._look_up(sql.account_get(SQLITE), account_id)
        return account_of(rows[0]) if rows else None

    def _look_up(self, statement: str, *key: str) -> list[Row]:
        """Run a point read on the event loop's thread.

        The look-ups of one turn of the loop share a read transaction, because taking its locks costs twice what a look-up does.
        It ends before anything that arrives later is handled: what was acknowledged before a request came is seen by it.
        """
        try:
            if not self._inline.in_transaction:
                execute(self._inline, "BEGIN")
                asyncio.get_running_loop().call_soon(self._end_turn)
            return execute(self._inline, statement, key)
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
        last: EventPlace | None = None

        async def noting(transaction: Transaction) -> T:
            nonlocal last
            result = await body(transaction)
            last = transaction.audit_events.last
            return result

        result = await self._writer.write(noting)
        self.latest = last or self.latest
        return result

    async def check(self) -> None:
        """Return if the database can be read and written, and the disk has room for more."""
        with outages():
            if shutil.disk_usage(self._path.parent).free < MIN_FREE:
                raise StorageUnavailable("the disk is full")
        await self.write(_nothing)

    async def close(self) -> None:
        """Finish the writes that were accepted and close every connection."""
        await asyncio.get_running_loop().run_in_executor(None, self._writer.close)
        self._readers.shutdown()
        for connection in (*self._reader_connections, self._inline):
            connection.close()

    def _read(self, body: Callable[[Snapshot], Awaitable[T]]) -> T:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _reader(self._path)
            self._reader_connections.append(connection)
        with outages():
            execute(connection, "BEGIN")
            try:
                return run_body(body, connection, self.forms)
            finally:
                if connection.in_transaction:  # SQLite ends it by itself when the disk fails
                    execute(connection, "ROLLBACK")


def _reader(path: Path) -> apsw.Connection:
    connection = connect(path, reading=True)
    execute(connection, f"PRAGMA {MAPPED}")
    return connection


async def _nothing(_transaction: Transaction) -> None:
    return
