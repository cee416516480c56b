"""The PostgreSQL engine, on asyncpg.

Transactions run side by side at READ COMMITTED and are guarded by what they write: a record is replaced only as the version that
was read, the changes of one account wait for each other at the end of its audit chain, counts are added up from a row for each
connection. So two accounts that change at once do not wait for each other. Nothing rests on notifications, advisory locks or
sequences; a conflict is rolled back and run again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - it has annotations, and no stubs

from clientry.errors import OutcomeUnknown, StorageUnavailable
from clientry.records.account import Account
from clientry.records.client import Client
from clientry.records.incarnation import EventPlace
from clientry.settings.database_url import DatabaseUrl
from clientry.settings.values import Pooler
from clientry.storage import AlreadyTaken, Credentials, Forms, LostUpdate, Overtaken, Snapshot, Transaction
from clientry.storage import statements as sql
from clientry.storage.migration import Applied, refuse_pending
from clientry.storage.postgres.connection import (
    AGAIN,
    PATIENT_TIMEOUT,
    TIMEOUT,
    Connection,
    begin,
    connect,
    explained,
    outages,
)
from clientry.storage.postgres.look_ups import LookUps
from clientry.storage.postgres.pool import Pool
from clientry.storage.postgres.schema import schema_over
from clientry.storage.postgres.session import Session
from clientry.storage.records import Records

T = TypeVar("T")

MAX_ATTEMPTS: Final = 10
"""How often a transaction that met another one is run."""
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"


class PostgresStorage:
    """`Storage` in a PostgreSQL database; opened with `open_postgres`."""

    def __init__(self, url: DatabaseUrl, connections: int, forms: Forms, *, direct: bool) -> None:
        self.forms = forms
        self.latest: EventPlace | None = None
        self._look_ups = LookUps(url, direct=direct)
        self._pool = Pool(url, connections, direct=direct)
        self._begin_read, self._begin_write = begin(_READ, direct=direct), begin(_WRITE, direct=direct)

    async def reread_forms(self) -> None:
        """Learn which forms may be written now."""
        with outages():
            async with asyncio.timeout(TIMEOUT), self._pool.connection() as connection:
                self.forms.learn(Applied(*row) for row in await connection.fetch(sql.MIGRATIONS_DONE))

    async def credentials(self, client_id: str) -> Credentials | None:
        """Return a client with its secrets, None where there is none."""
        return await self._look_ups.credentials(client_id)

    async def client(self, client_id: str) -> Client | None:
        """Return a client, None where there is none."""
        found = await self._look_ups.credentials(client_id)
        return None if found is None else found.client

    async def registered(self, client_id: str) -> Client | None:
        """Return a client, None where there is none; with all that a look-up reads, because look-ups share their statements."""
        return await self.client(client_id)

    async def account(self, account_id: str) -> Account | None:
        """Return an account, None where there is none."""
        return await self.read(lambda snapshot: snapshot.accounts.get(account_id))

    async def read(self, body: Callable[[Snapshot], Awaitable[T]]) -> T:
        """Run `body` over one consistent state, again where its plans were made before somebody changed a table."""
        deadline = asyncio.get_running_loop().time() + TIMEOUT
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return await self._attempt_read(body, deadline)
            except AGAIN as problem:
                if attempt == MAX_ATTEMPTS:
                    raise StorageUnavailable(type(problem).__name__) from problem
        raise AssertionError("the last attempt returns or raises")

    async def _attempt_read(self, body: Callable[[Snapshot], Awaitable[T]], deadline: float) -> T:
        """Read once, with those errors of the database left as they are after which another attempt may do better."""
        with outages():
            async with asyncio.timeout_at(deadline) as limit, self._pool.connection() as connection:
                await connection.execute(self._begin_read)
                try:
                    result = await body(Records(Session(connection, self.forms, limit)))
                except Exception:
                    await _roll_back(connection)
                    raise
                await connection.execute("ROLLBACK")
                return result

    async def write(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` and commit it, again where it met another transaction.

        Raises:
            OutcomeUnknown: the connection was lost, or the time was over, while it was committed.
        """
        deadline = asyncio.get_running_loop().time() + TIMEOUT
        locks = False
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return await self._attempt(body, deadline, locks=locks)
            except asyncpg.IntegrityConstraintViolationError as problem:
                # Two events at the same place of a chain have met; any other conflict is the caller's.
                if problem.table_name != "audit_events" or attempt == MAX_ATTEMPTS:  # type: ignore[attr-defined]
                    raise AlreadyTaken from None
            except LostUpdate:
                # What was read may have changed meanwhile: another run reads it anew, and holds it. Or the caller's was old.
                if locks:
                    raise
                locks = True
            except Overtaken:
                if attempt == MAX_ATTEMPTS:
                    raise StorageUnavailable("what the change rests on is being changed") from None
                await asyncio.sleep(_pause(attempt))
            except AGAIN as problem:
                if attempt == MAX_ATTEMPTS:
                    raise StorageUnavailable(type(problem).__name__) from problem
        raise AssertionError("the last attempt returns or raises")

    async def check(self) -> None:
        """Return if the database can be read and written; a standby gives no transaction id."""
        with outages():
            async with asyncio.timeout(TIMEOUT), self._pool.connection() as connection:
                await connection.fetch("SELECT pg_current_xact_id()")

    async def close(self) -> None:
        """Finish what was accepted and let go of everything."""
        await self._look_ups.close()
        await self._pool.close()

    async def _attempt(self, body: Callable[[Transaction], Awaitable[T]], deadline: float, *, locks: bool) -> T:
        """Run a transaction once, with its own errors of the database left as they are."""
        with outages():
            async with asyncio.timeout_at(deadline) as limit, self._pool.connection() as connection:
                await connection.execute(self._begin_write)
                records = Records(Session(connection, self.forms, limit, locks=locks))
                try:
                    result = await body(records)
                except Exception:
                    await _roll_back(connection)
                    raise
                limit.reschedule(None)
                await _commit(connection, deadline)
                self.latest = records.audit_events.last or self.latest
                return result


async def open_postgres(url: DatabaseUrl, connections: int, pooler: Pooler = Pooler.AUTO) -> PostgresStorage:
    """Open a database whose schema is up to date.

    Args:
        url: where it is.
        connections: how many transactions may run at a time.
        pooler: what is between here and there.

    Raises:
        ConfigurationError: it cannot be reached, or its schema or encoding is not what the program needs.
    """
    with explained(url):
        connection = await connect(url, within=PATIENT_TIMEOUT)
        try:
            schema = await schema_over(connection)
            refuse_pending(schema)
            pooled = pooler is Pooler.TRANSACTION or (pooler is Pooler.AUTO and await _is_pooled(connection))
        finally:
            await connection.close(timeout=1)
    return PostgresStorage(url, connections, Forms(schema.done), direct=not pooled)


async def _is_pooled(connection: Connection) -> bool:
    """Tell whether something is between here and there: the process that answers is not the one that was connected to."""
    await connection.execute("BEGIN READ ONLY")
    answering = (await connection.fetch("SELECT pg_backend_pid()"))[0][0]
    await connection.execute("ROLLBACK")
    return answering != connection.get_server_pid()


def _pause(attempt: int) -> float:
    """Return how many seconds to wait before another run. Two that overtake each other must not wait equally long."""
    return min(0.004 * 2**attempt, 0.2) * (0.5 + asyncio.get_running_loop().time() * 1e6 % 1)


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("ROLLBACK", timeout=0.5)
    except Exception:  # whatever it is: a connection that cannot roll back is broken, which rolls back as well
        connection.terminate()


async def _commit(connection: Connection, deadline: float) -> None:
    """Commit; whoever stops waiting breaks the connection, and asks for nothing to be cancelled.

    A commit that is cancelled while it waits for its replica stays, and is lost with the primary. Where somebody else
    cancels it, PostgreSQL reports it as done, with a warning.

    Raises:
        OutcomeUnknown: the answer did not come, or came with a warning.
    """
    loop = asyncio.get_running_loop()
    warnings: list[object] = []

    def hear(_: object, message: object) -> None:
        if isinstance(message, asyncpg.PostgresWarning):
            warnings.append(message)

    connection.add_log_listener(hear)
    answer = asyncio.ensure_future(connection.execute("COMMIT"))
    try:
        # Where the body took nearly all of the time there is a little more: an unknown outcome is worse than a late one.
        await asyncio.wait({answer}, timeout=max(deadline - loop.time(), 0.2))
    finally:
        connection.remove_log_listener(hear)
        if not answer.done():
            connection.terminate()
    try:
        tag = await answer
    except asyncpg.PostgresError as problem:
        if isinstance(problem, (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)):
            raise OutcomeUnknown(type(problem).__name__) from problem
        raise
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as problem:
        raise OutcomeUnknown(type(problem).__name__) from problem
    if warnings:
        raise OutcomeUnknown(str(warnings[0]))
    if tag != "COMMIT":
        raise StorageUnavailable(f"the transaction ended with {tag}")
