"""Where databases come from: a file of each data directory, or one PostgreSQL with its flushes to disk."""

import json
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from msgspec import Struct
from tests.support.postgres import Postgres


class Engine(Struct, frozen=True):
    """What makes databases.

    Attributes:
        new_database: makes one and returns its URL, None for the one that will be in the data directory.
        settle: has a database that was filled do at once what it would do sooner or later beside the measurement.
        pid: of the database's own process, None where it has none.
    """

    new_database: Callable[[], str | None]
    settle: Callable[[str | None], None]
    pid: int | None


@contextmanager
def engines() -> Generator[tuple[Path, dict[str, Engine]]]:
    """Give a folder, and each engine by its name."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres(fsync="on", shared_buffers="512MB")

        def settle(url: str | None) -> None:
            postgres.sql("VACUUM ANALYZE", urlsplit(url or "").path[1:])
            postgres.sql("CHECKPOINT")

        sqlite = Engine(lambda: None, lambda _: None, None)
        try:
            yield Path(folder), {"SQLite": sqlite, "PostgreSQL": Engine(postgres.new_database, settle, postgres.pid)}
        finally:
            postgres.remove()


def configure(data: Path, database: str | None, more: Mapping[str, int | str] = MappingProxyType({})) -> None:
    """Make a data directory that says where its database is; None: in it. `more`: further settings."""
    data.mkdir(mode=0o700)
    settings = dict(more) if database is None else {**more, "database": database}
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    (data / "clientry.toml").write_text("".join(lines))
