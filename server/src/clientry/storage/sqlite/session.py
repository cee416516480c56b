"""Runs the body of a read or a write on a connection, at once: nothing that it may await suspends."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import apsw

from clientry.records.account import Account
from clientry.records.client import Client
from clientry.storage import Forms
from clientry.storage.dialect import SQLITE
from clientry.storage.records import Records
from clientry.storage.rows import Row
from clientry.storage.sqlite.connection import execute, execute_many
from clientry.storage.tables import Table

T = TypeVar("T")


class Session:
    """Runs SQL on one connection; never suspends."""

    dialect = SQLITE
    locks = False  # writes come one after another

    def __init__(self, connection: apsw.Connection, forms: Forms) -> None:
        self._connection = connection
        self.forms = forms
        self.replaced: dict[str, Client | Account] = {}

    async def run(self, statement: str, parameters: Row = (), *, scans: bool = False) -> list[Row]:
        """Run one statement and return its rows; those who read lists have threads of their own, and wait."""
        return execute(self._connection, statement, parameters)

    async def run_each(self, statement: str, many: Iterable[Row]) -> None:
        """Run one statement with one set of parameters after the other."""
        execute_many(self._connection, statement, many)

    async def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Add many rows to a table."""
        execute_many(self._connection, table.insert, rows)


def run_body(body: Callable[[Records], Awaitable[T]], connection: apsw.Connection, forms: Forms) -> T:
    """Run a body to its end.

    Args:
        body: what is run.
        connection: in a transaction.
        forms: what this process knows of them.

    Raises:
        RuntimeError: it awaited something other than its transaction.
    """
    steps = body(Records(Session(connection, forms))).__await__()
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    raise RuntimeError("The body of a transaction awaited something other than its transaction.")
