"""The schema of a PostgreSQL database, and bringing it up to date: one node at a time, each migration whole or not at all."""

import contextlib

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - it has annotations, and no stubs

from clientry.errors import ConfigurationError
from clientry.settings.database_url import DatabaseUrl
from clientry.storage import statements as sql
from clientry.storage.migration import Applied, Schema, Stage, load, renamed, schema_of
from clientry.storage.postgres.connection import PATIENT_TIMEOUT, Connection, connect


async def read_schema(url: DatabaseUrl) -> Schema:
    """Return the state of a database's schema.

    Raises:
        ConfigurationError: it is newer than the program, or its encoding is not UTF-8.
        StorageUnavailable: it cannot be reached.
    """
    connection = await connect(url, within=PATIENT_TIMEOUT)
    try:
        return await schema_over(connection)
    finally:
        await connection.close(timeout=1)


async def schema_over(connection: Connection, to: int | None = None) -> Schema:
    """Return the same over a connection that has no transaction."""
    await connection.execute("BEGIN READ ONLY")
    await _refuse_other_encodings(connection)
    schema = await _schema(connection, to)
    await connection.execute("ROLLBACK")
    return schema


async def migrate(url: DatabaseUrl, to: int | None = None) -> Schema:
    """Bring a database's schema up to date, and return what it was.

    Raises:
        ConfigurationError: it is newer than the program, its encoding is not UTF-8, or the user may not change it.
        StorageUnavailable: it cannot be reached.
    """
    connection = await connect(url, within=PATIENT_TIMEOUT)
    try:
        before = await schema_over(connection, to)
        if before.pending:
            await _make_table(connection)
            while await _next(connection, to):
                pass
        return before
    except asyncpg.InsufficientPrivilegeError as problem:
        raise ConfigurationError(
            f"The database lacks migrations, and its user may not change the schema ({problem}). "
            "Run clientry migrate as a user who may."
        ) from None
    finally:
        await connection.close(timeout=1)


async def advance(url: DatabaseUrl, stage: Stage) -> None:
    """Bring the migrations that this program knows from the stage before to this one.

    It waits for the transactions that were told of the stage before, and those that ask meanwhile wait for it.

    Raises:
        StorageUnavailable: it cannot be reached.
    """
    connection = await connect(url, within=PATIENT_TIMEOUT)
    try:
        await connection.execute("BEGIN; SET LOCAL lock_timeout = 0")
        await connection.execute("LOCK TABLE schema_migrations IN EXCLUSIVE MODE")
        done = (await _schema(connection, None)).done
        await connection.executemany(sql.MIGRATION_RENAME, renamed(load("postgres"), done, stage))
        await connection.execute("COMMIT")
    finally:
        await connection.close(timeout=1)


async def _refuse_other_encodings(connection: Connection) -> None:
    """Refuse a database that cannot keep every text: the first name in another script would be a fault of the server."""
    encoding = (await connection.fetch("SHOW server_encoding"))[0][0]
    if encoding != "UTF8":
        raise ConfigurationError(
            f"The database has the encoding {encoding}, and Clientry needs UTF8. Make another one with: "
            "CREATE DATABASE clientry ENCODING 'UTF8' TEMPLATE template0"
        )


async def _schema(connection: Connection, to: int | None) -> Schema:
    there = await connection.fetch("SELECT to_regclass('schema_migrations')")
    rows = await connection.fetch(sql.MIGRATIONS_DONE) if there[0][0] is not None else []
    return schema_of(load("postgres"), (Applied(*row) for row in rows), to)


async def _make_table(connection: Connection) -> None:
    """Make the table that the nodes which migrate take turns by. Two that make it at once meet in the catalogue."""
    with contextlib.suppress(asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError):
        await connection.execute(sql.MIGRATIONS_TABLE)


async def _next(connection: Connection, to: int | None) -> bool:
    """Apply one migration, alone, in a transaction with the note that it was; tell whether there was one."""
    await connection.execute("BEGIN; SET LOCAL lock_timeout = 0")
    try:
        await connection.execute("LOCK TABLE schema_migrations IN EXCLUSIVE MODE")
        pending = (await _schema(connection, to)).pending
        for step in pending[:1]:
            await connection.execute(step.script)
            await connection.fetch(sql.MIGRATION_ADD, step.number, step.name, step.checksum)
    except BaseException:
        connection.terminate()
        raise
    await connection.execute("COMMIT")
    return bool(pending)
