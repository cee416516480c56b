"""Runs the SQL of one transaction on a connection."""

import asyncio
from collections.abc import Iterable

from clientry.records.account import Account
from clientry.records.client import Client
from clientry.storage import Forms
from clientry.storage.dialect import POSTGRES
from clientry.storage.postgres.connection import SCAN_TIMEOUT, Connection
from clientry.storage.rows import Row
from clientry.storage.tables import Table


class Session:
    """Runs SQL on one connection. `limit`: when the time is over, None: when it is done. `forms`, `locks`: as in the protocol."""

    dialect = POSTGRES

    def __init__(
        self, connection: Connection, forms: Forms, limit: asyncio.Timeout | None = None, *, locks: bool = False
    ) -> None:
        self._connection = connection
        self._limit = limit
        self.forms = forms
        self.locks = locks
        self.replaced: dict[str, Client | Account] = {}

    async def run(self, statement: str, parameters: Row = (), *, scans: bool = False) -> list[Row]:
        """Run one statement and return its rows."""
        if scans and self._limit is not None:  # the database has just answered: a long search is no outage
            self._limit.reschedule(asyncio.get_running_loop().time() + SCAN_TIMEOUT)
        return await self._connection.fetch(statement, *parameters)

    async def run_each(self, statement: str, many: Iterable[Row]) -> None:
        """Run one statement with one set of parameters after the other."""
        await self._connection.executemany(statement, many)

    async def insert(self, table: Table, rows: Iterable[Row]) -> None:
        """Add many rows to a table."""
        await self._connection.copy_records_to_table(table.name, records=rows, columns=table.columns)
