"""The engine that a database URL names. What one engine needs is imported only when that engine is used."""

from contextlib import AbstractAsyncContextManager

from clientry import files
from clientry.errors import ConfigurationError, StorageUnavailable
from clientry.settings.database_url import DatabaseUrl, Engine
from clientry.settings.values import Pooler
from clientry.storage import Storage
from clientry.storage.migration import Schema, Stage
from clientry.storage.transfer import Source, Target


async def open_storage(url: DatabaseUrl, connections: int, pooler: Pooler = Pooler.AUTO) -> Storage:
    """Open a database whose schema is up to date.

    Args:
        url: where it is.
        connections: how many transactions may run at a time, where the engine has connections.
        pooler: what is between here and there, where that may be something.

    Raises:
        ConfigurationError: it cannot be used, or its schema is not what the program needs.
    """
    if url.engine is Engine.POSTGRESQL:
        from clientry.storage.postgres import open_postgres

        return await open_postgres(url, connections, pooler)
    from clientry.storage.sqlite import SqliteStorage

    try:
        return SqliteStorage(url.path)
    except (OSError, StorageUnavailable) as problem:
        raise _unusable(url, problem) from None


async def why_down(url: DatabaseUrl) -> str:
    """Return why a database does not answer yet, "" where it does; an SQLite file does not come up by itself.

    Raises:
        ConfigurationError: it answers, and does not take us.
    """
    if url.engine is Engine.SQLITE:
        return ""
    from clientry.storage.postgres import reaching

    return await reaching.why_down(url)


async def read_schema(url: DatabaseUrl) -> Schema:
    """Return the state of a database's schema, which is left as it is.

    Raises:
        ConfigurationError: it cannot be used, or is newer than the program.
    """
    if url.engine is Engine.POSTGRESQL:
        from clientry.storage.postgres import schema
        from clientry.storage.postgres.connection import explained

        with explained(url):
            return await schema.read_schema(url)
    from clientry.storage.sqlite.schema import read_schema as read_sqlite_schema

    try:
        return read_sqlite_schema(url.path)
    except (OSError, StorageUnavailable) as problem:
        raise _unusable(url, problem) from None


async def migrate(url: DatabaseUrl, to: int | None = None) -> Schema:
    """Bring a database's schema up to date, and return what it was. An SQLite file is made where there is none.

    Args:
        url: where it is.
        to: the number of the last migration that is wanted, None: all.

    Raises:
        ConfigurationError: it cannot be used, is newer than the program, or its user may not change it.
    """
    if url.engine is Engine.POSTGRESQL:
        from clientry.storage.postgres import schema
        from clientry.storage.postgres.connection import explained

        with explained(url):
            return await schema.migrate(url, to)
    from clientry.storage.sqlite.schema import migrate as migrate_sqlite

    try:
        return migrate_sqlite(url.path, to)
    except (OSError, StorageUnavailable) as problem:
        raise _unusable(url, problem) from None


async def advance(url: DatabaseUrl, stage: Stage) -> None:
    """Bring the migrations that this program knows from the stage before to this one.

    Raises:
        ConfigurationError: it cannot be used.
    """
    if url.engine is Engine.POSTGRESQL:
        from clientry.storage.postgres import schema
        from clientry.storage.postgres.connection import explained

        with explained(url):
            return await schema.advance(url, stage)
    from clientry.storage.sqlite.schema import advance as advance_sqlite

    try:
        return advance_sqlite(url.path, stage)
    except StorageUnavailable as problem:
        raise _unusable(url, problem) from None


async def analyze(url: DatabaseUrl) -> None:
    """Have the database count what it holds, after much was added at once; later it does so by itself.

    Raises:
        ConfigurationError: it cannot be used.
    """
    if url.engine is Engine.POSTGRESQL:
        from clientry.storage.postgres.connection import PATIENT_TIMEOUT, connect, explained

        with explained(url):
            connection = await connect(url, within=PATIENT_TIMEOUT)
            try:
                await connection.execute("ANALYZE")
            finally:
                await connection.close(timeout=1)


def open_source(url: DatabaseUrl) -> AbstractAsyncContextManager[Source]:
    """Return one state of a database, to copy from.

    Raises:
        ConfigurationError: on entering: it cannot be used.
    """
    if url.engine is Engine.POSTGRESQL:
        from clientry.storage.postgres.transfer import open_source as open_postgres_source

        return open_postgres_source(url)
    from clientry.storage.sqlite.transfer import open_source as open_sqlite_source

    return open_sqlite_source(url.path)


def lacks_its_log(url: DatabaseUrl) -> bool:
    """Tell whether a database is a file of a server, copied without the log beside it that holds its latest changes."""
    if url.engine is Engine.POSTGRESQL:
        return False
    from clientry.storage.sqlite.transfer import lacks_its_log as sqlite_lacks_its_log

    return sqlite_lacks_its_log(url.path)


def open_target(url: DatabaseUrl, *, replace: bool = False) -> AbstractAsyncContextManager[Target]:
    """Return a database to copy to: an empty one, or a file that is made, or replaced if that is allowed.

    Raises:
        ConfigurationError: on entering: it cannot be used, or is there already.
    """
    if url.engine is Engine.POSTGRESQL:
        from clientry.storage.postgres.transfer import open_target as open_postgres_target

        return open_postgres_target(url)
    from clientry.storage.sqlite.transfer import open_target as open_sqlite_target

    return open_sqlite_target(url.path, replace=replace)


def _unusable(url: DatabaseUrl, problem: Exception) -> ConfigurationError:
    """Say what an SQLite file lacks: its library tells only that something does."""
    beside = (url.path.with_name(url.path.name + end) for end in ("", "-wal", "-shm", "-next", "-writing"))
    reasons = [reason for path in (url.path.parent, *beside) if (reason := files.whose(path))]
    return ConfigurationError(f"The database {url} cannot be used: {reasons[0] if reasons else problem}.")
