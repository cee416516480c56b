"""`clientry migrate`: the schema of the database, brought up to date before the nodes that need it start."""

import asyncio
import sys
from typing import Any

import msgspec
from cyclopts import App

from clientry.cli.flags import settings_flags
from clientry.cli.output import print_json, print_table
from clientry.config import load
from clientry.errors import ConfigurationError
from clientry.storage.migration import Schema


def register(app: App) -> None:
    """Add the commands."""
    app.command(migrate)


@settings_flags("data", "database")
def migrate(*, check: bool = False, to: int | None = None, json: bool = False, **flags: Any) -> None:
    """Bring the database's schema up to date. `serve` and `init` do it too, where their database user may.

    Args:
        check: change nothing; exit with 1 if there is something to do.
        to: the number of the last migration to apply.
        json: print one object with done and pending.
        flags: settings.
    """
    from clientry.storage import engines

    url = load(flags).settings.database_url
    if to is not None and to < 1:
        raise ConfigurationError("--to must be the number of a migration, from 1 on.")
    if not check:
        asyncio.run(engines.migrate(url, to))
    schema = asyncio.run(engines.read_schema(url))
    if json:
        done = [{"number": one.number, "name": one.name} for one in schema.done]
        pending = [{"number": one.number, "name": one.name} for one in schema.pending]
        print_json(msgspec.json.encode({"database": str(url), "done": done, "pending": pending}))
    else:
        print_table(f"Migrations of {url}", ("number", "name", "state"), _rows(schema))
    sys.exit(1 if check and schema.pending else 0)


def _rows(schema: Schema) -> list[tuple[str, str, str]]:
    done = [(str(one.number), one.name, "done") for one in schema.done]
    return done + [(str(one.number), one.name, "pending") for one in schema.pending]
