"""The schema of an SQLite file, and bringing it up to date: one process at a time, whole or not at all."""

from pathlib import Path

import apsw

from clientry.storage import statements as sql
from clientry.storage.migration import Applied, Schema, Stage, load, renamed, schema_of
from clientry.storage.sqlite.connection import connect, execute, make_private, outages
from clientry.storage.sqlite.turnstile import Turnstile


def read_schema(path: Path) -> Schema:
    """Return the state of a file's schema.

    Raises:
        ConfigurationError: it is no database, or newer than the program.
        StorageUnavailable: it cannot be used now.
    """
    connection = connect(path, reading=True)
    try:
        with outages():
            return _schema(connection)
    finally:
        connection.close()


def migrate(path: Path, to: int | None = None) -> Schema:
    """Bring a file's schema up to date, and return what it was; the file is made where there is none.

    Raises:
        ConfigurationError: it is no database, or newer than the program.
        StorageUnavailable: it cannot be used now.
    """
    make_private(path)
    turnstile = Turnstile(path)
    try:
        # Who waits for his turn has no connection yet: a new file becomes one with a log only where nobody else looks at it.
        with turnstile.turn():
            connection = connect(path)
            try:
                with outages():
                    return _migrate(connection, to)
            finally:
                connection.close()
    finally:
        turnstile.close()


def advance(path: Path, stage: Stage) -> None:
    """Bring the migrations that this program knows from the stage before to this one.

    Raises:
        StorageUnavailable: it cannot be used now.
    """
    connection = connect(path)
    try:
        with outages():
            execute(connection, "BEGIN IMMEDIATE")
            try:
                for row in renamed(load("sqlite"), _schema(connection).done, stage):
                    execute(connection, sql.MIGRATION_RENAME, row)
                execute(connection, "COMMIT")
            except BaseException:
                execute(connection, "ROLLBACK")
                raise
    finally:
        connection.close()


def _schema(connection: apsw.Connection, to: int | None = None) -> Schema:
    there = execute(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'")
    rows = execute(connection, sql.MIGRATIONS_DONE) if there else []
    return schema_of(load("sqlite"), (Applied(*row) for row in rows), to)


def _migrate(connection: apsw.Connection, to: int | None) -> Schema:
    execute(connection, "BEGIN IMMEDIATE")
    try:
        before = _schema(connection, to)
        execute(connection, sql.MIGRATIONS_TABLE)
        for step in before.pending:
            execute(connection, step.script)
            execute(connection, sql.MIGRATION_ADD, (step.number, step.name, step.checksum))
        execute(connection, "COMMIT")
    except BaseException:
        execute(connection, "ROLLBACK")
        raise
    return before
