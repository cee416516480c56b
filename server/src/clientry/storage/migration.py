"""Migrations: numbered, forward-only SQL files, told apart by their checksums.

A file is called `NNNN_what.from-MMMM.sql`: programs that know migration MMMM or a later one go on working with a database that
has it. So nodes of two versions can share a database while the newer one is rolled out. Without `from-` only programs that know
the migration itself may use the database.

The database notes the names of those that it has seen. When the last node of the older version is gone, the operator finishes
what was shared (`clientry migrate --finish`): the names there lose their `from-`, so that programs of before, however old, refuse
the database, and what only newer ones understand may be written (see `forms`).
"""

import hashlib
import re
from collections.abc import Iterable
from enum import IntEnum
from importlib.resources import files

from msgspec import Struct

from clientry.errors import ConfigurationError

_SHARED = re.compile(r"\.from-(\d{4})\.sql$")
_FINISHING = ".finishing.sql"


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


class Stage(IntEnum):
    """Who may use a database that has a migration, and so what may be written there. It only goes forward."""

    SHARED = 0
    """Programs of before may be running: what they do not understand is read, and not written."""
    FINISHING = 1
    """They are gone: it is written, and what they wrote is being taken over."""
    FINISHED = 2
    """Nothing that they wrote is left as it was."""


class Applied(Struct, frozen=True):
    """A migration that a database has seen. `name`: that of its file, or what finishing has made of it."""

    number: int
    name: str
    checksum: str

    @property
    def usable_from(self) -> int:
        """The last migration that a program must know to use a database that has this one."""
        match = _SHARED.search(self.name)
        return int(match[1]) if match else self.number

    @property
    def stage(self) -> Stage:
        """How far it has been finished."""
        if _SHARED.search(self.name):
            return Stage.SHARED
        return Stage.FINISHING if self.name.endswith(_FINISHING) else Stage.FINISHED

    def name_at(self, stage: Stage) -> str:
        """Return its name at a later stage."""
        bare = _SHARED.sub("", self.name).removesuffix(_FINISHING).removesuffix(".sql")
        return bare + (_FINISHING if stage is Stage.FINISHING else ".sql")


class Schema(Struct, frozen=True):
    """The state of a database's schema.

    Attributes:
        done: what it has, in order.
        pending: what this program would add.
    """

    done: tuple[Applied, ...]
    pending: tuple[Migration, ...]

    @property
    def version(self) -> int:
        """The number of the last migration that it has; 0: none."""
        return max((migration.number for migration in self.done), default=0)


def load(engine: str) -> tuple[Migration, ...]:
    """Return the migrations of an engine, in order."""
    folder = files("clientry.storage") / "migrations" / engine
    found = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        Migration(int(name[:4]), name, hashlib.sha256(script.encode()).hexdigest(), script) for name, script in found
    )


def schema_of(known: tuple[Migration, ...], done: Iterable[Applied], to: int | None = None) -> Schema:
    """Return the state of a database's schema, as this program sees it.

    Args:
        known: the migrations of this program.
        done: those that the database has seen.
        to: the number of the last one that is wanted, None: all.

    Raises:
        ConfigurationError: the database is newer than this program can use, or a migration that was applied has changed since.
    """
    by_number = {migration.number: migration for migration in known}
    last_known = max(by_number, default=0)
    seen = tuple(sorted(done, key=lambda migration: migration.number))
    for applied in seen:
        migration = by_number.get(applied.number)
        if migration is None:
            if applied.usable_from > last_known:
                raise ConfigurationError(
                    f"The database is newer than the program: it has migration {applied.name}, and this program knows "
                    f"{last_known}. Run the newer version of Clientry."
                )
        elif migration.checksum != applied.checksum:
            raise ConfigurationError(f"The migration {applied.name} was applied to this database with another content.")
    numbers = {applied.number for applied in seen}
    return Schema(
        seen,
        tuple(one for one in known if one.number not in numbers and (to is None or one.number <= to)),
    )


def renamed(known: tuple[Migration, ...], done: Iterable[Applied], stage: Stage) -> list[tuple[str, int]]:
    """Return name and number of the migrations that go on to a stage: of none that only a newer program knows."""
    numbers = {migration.number for migration in known}
    return [(one.name_at(stage), one.number) for one in done if one.number in numbers and one.stage + 1 == stage]


def refuse_pending(schema: Schema) -> None:
    """Check that a database has everything that this program needs.

    Raises:
        ConfigurationError: it has not.
    """
    if schema.pending:
        names = ", ".join(migration.name for migration in schema.pending)
        raise ConfigurationError(f"The database lacks the migrations {names}. Apply them with: clientry migrate")
