"""Connections to PostgreSQL, on asyncpg, and what its errors mean."""

import asyncio
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - it has annotations, and no stubs

from clientry.errors import ConfigurationError, StorageTimedOut, StorageUnavailable
from clientry.settings.database_url import DatabaseUrl
from clientry.storage.postgres.default_files import leave_out_forbidden
from clientry.storage.rows import Row

CONNECT_TIMEOUT: Final = 0.8
"""Seconds that one attempt may take, all hosts together."""
PATIENT_TIMEOUT: Final = 5.0
"""The same where no request waits: for commands, and as a node starts, perhaps with many others on a busy machine."""
TIMEOUT: Final = 1.6
"""Seconds that a read or a write may take, waiting for a connection included; every request is answered within two."""

SCAN_TIMEOUT: Final = 15.0
"""Seconds that the search for a text in a whole list may take."""

_NAME: Final = {"application_name": "clientry"}
_SESSION: Final = {
    "jit": "off",
    # Below TIMEOUT, so that a transaction whose client gave up does not go on waiting. There is no statement_timeout: it would
    # end a COMMIT's wait for its synchronous replica, and report as committed what the replica never got.
    "lock_timeout": "1500",
    "idle_in_transaction_session_timeout": "5000",
}
_LOCALLY: Final = "".join(f"; SET LOCAL {name} = {value}" for name, value in _SESSION.items())
_TIMEOUTS = (TimeoutError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
_OUTAGES = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.exceptions.TargetServerAttributeNotMatched,
)
AGAIN: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
)
"""After these a transaction was rolled back, and may be run again."""

leave_out_forbidden()


class Connection(Protocol):
    """What is used of a connection of asyncpg, which is not typed itself."""

    async def fetch(self, query: str, *parameters: object, timeout: float | None = None) -> list[Row]:
        """Run a statement and return its rows."""
        ...

    async def execute(self, query: str, *parameters: object, timeout: float | None = None) -> str:
        """Run a statement and return its tag."""
        ...

    async def executemany(self, command: str, args: Iterable[Row]) -> None:
        """Run a statement with each of several sets of parameters, in one round trip."""
        ...

    async def copy_records_to_table(self, table_name: str, *, records: Iterable[Row], columns: Iterable[str]) -> str:
        """Write many rows."""
        ...

    async def reload_schema_state(self) -> None:
        """Forget the plans of prepared statements."""
        ...

    def add_log_listener(self, callback: Callable[[object, object], None]) -> None:
        """Have notices and warnings told to `callback`, with the connection."""
        ...

    def remove_log_listener(self, callback: Callable[[object, object], None]) -> None:
        """Have them told no more."""
        ...

    def is_closed(self) -> bool:
        """Tell whether it can no longer be used."""
        ...

    def is_in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        ...

    def get_server_pid(self) -> int:
        """Return the process id that the other side named when it was connected to."""
        ...

    def terminate(self) -> None:
        """Break the connection at once."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:
        """Say goodbye."""
        ...


async def connect(url: DatabaseUrl, *, direct: bool = False, within: float = CONNECT_TIMEOUT) -> Connection:
    """Return a connection to whichever host of the URL takes writes; all are asked at once, so a dead one costs no time.

    Args:
        url: where the database is.
        direct: no pooler in transaction mode is in between, so the connection may have prepared statements and parameters of its
            own. Without it each transaction may be on another connection, and so may a statement outside of one.
        within: seconds that it may take.

    Raises:
        StorageTimedOut: none answered in time.
        StorageUnavailable: none takes writes.
    """
    options: dict[str, Any] = {"timeout": within, "server_settings": {**_NAME, **_SESSION} if direct else _NAME}
    if not direct:
        options["statement_cache_size"] = 0
    tried: set[asyncio.Future[Connection]] = {asyncio.ensure_future(_connect(url, host, options)) for host in url.hosts}
    with outages():
        try:
            async with asyncio.timeout(within):
                return await _first(tried)
        finally:
            for attempt in tried:
                if not attempt.cancel() and not attempt.cancelled():
                    attempt.exception()


def begin(statement: str, *, direct: bool) -> str:
    """Return what begins a transaction; where the connection may not have parameters of its own, each transaction has them."""
    return statement if direct else statement + _LOCALLY


async def _first(tried: set[asyncio.Future[Connection]]) -> Connection:
    """Return the first that succeeds, and break the others that do."""
    pending = set(tried)
    failure: BaseException = OSError("there is no host")
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        good = [attempt.result() for attempt in done if attempt.exception() is None]
        if good:
            for spare in good[1:]:
                spare.terminate()
            return good[0]
        failure = next(iter(done)).exception() or failure
    raise failure


async def _connect(url: DatabaseUrl, host: tuple[str, int] | None, options: dict[str, Any]) -> Connection:
    place: dict[str, Any] = {} if host is None else {"host": host[0], "port": host[1]}
    if "target_session_attrs=" not in url.text:
        place["target_session_attrs"] = "read-write"
    connecting: Any = cast("Any", asyncpg).connect(url.text, **place, **options)
    return await connecting


@contextmanager
def outages() -> Generator[None]:
    """Turn what a database cannot help into `StorageUnavailable`, and waiting too long into `StorageTimedOut`."""
    try:
        yield
    except _TIMEOUTS as problem:
        raise StorageTimedOut(type(problem).__name__) from problem
    except _OUTAGES as problem:
        raise StorageUnavailable(type(problem).__name__) from problem


@contextmanager
def explained(url: DatabaseUrl) -> Generator[None]:
    """Turn what keeps a command or a start from using a database into a `ConfigurationError` that says it."""
    try:
        yield
    except (asyncpg.InsufficientPrivilegeError, asyncpg.ClientConfigurationError) as problem:
        raise ConfigurationError(f"The database {url} cannot be used: {problem}.") from None
    except StorageUnavailable as problem:
        reason = str(problem.__cause__) or problem
        raise ConfigurationError(f"The database {url} cannot be used: {reason}.") from None
