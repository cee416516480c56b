"""Migrations: numbered, forward-only SQL files, told apart by their checksums."""

import hashlib
from collections.abc import Iterable
from importlib.resources import files

from msgspec import Struct

from clientry.errors import ConfigurationError


class Migration(Struct, frozen=True):
    """One step of the schema.

    Attributes:
        number: its place in the order, from 1.
        name: the file's name.
        checksum: SHA-256 of the file, in hexadecimal.
        script: the SQL.
    """

    number: int
    name: str
    checksum: str
    script: str


def load(engine: str) -> tuple[Migration, ...]:
    """Return the migrations of an engine, in order."""
    folder = files("clientry.storage") / "migrations" / engine
    found = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        Migration(int(name[:4]), name, hashlib.sha256(script.encode()).hexdigest(), script) for name, script in found
    )


def pending(known: tuple[Migration, ...], done: Iterable[tuple[int, str, str]]) -> tuple[Migration, ...]:
    """Return the migrations that a database lacks.

    Args:
        known: those of this program.
        done: number, name and checksum of those that the database has seen.

    Raises:
        ConfigurationError: the database is newer than the program, or a migration that was applied has changed since.
    """
    by_number = {migration.number: migration for migration in known}
    applied: set[int] = set()
    for number, name, checksum in done:
        migration = by_number.get(number)
        if migration is None:
            raise ConfigurationError(
                f"The database is newer than the program: it has migration {name}, and this program knows "
                f"{len(known)}. Run the newer version of Clientry."
            )
        if migration.checksum != checksum:
            raise ConfigurationError(f"The migration {name} was applied to this database with another content.")
        applied.add(number)
    return tuple(migration for migration in known if migration.number not in applied)
