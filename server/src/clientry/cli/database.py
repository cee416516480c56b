"""`clientry migrate`, `backup`, `restore` and `copy`: the database as a whole."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from clientry.cli import settling
from clientry.cli.flags import PLACES, settings_flags
from clientry.cli.output import print_json, print_table, say
from clientry.errors import ConfigurationError
from clientry.records.account import MAX_DEPTH
from clientry.settings import Settings, load
from clientry.settings.database_url import DatabaseUrl, parse, sqlite_url
from clientry.storage.forms import unfinished
from clientry.storage.migration import Schema
from clientry.storage.transfer import Copied, Mismatch, Source, Target
from clientry.storage.transfer import copy as transfer

_dev = App(name="dev", help="For those who develop and measure.")


def register(app: App) -> None:
    """Add the commands."""
    app.command(migrate)
    app.command(backup)
    app.command(restore)
    app.command(copy)
    app.command(_dev)


@settings_flags(*PLACES)
def migrate(
    *, check: bool = False, finish: bool = False, to: int | None = None, json: bool = False, **flags: Any
) -> None:
    """Bring the database's schema up to date. `serve` and `init` do it too, where their database user may.

    An upgrade of several nodes: `migrate`, then restart the nodes one after the other, then `migrate --finish`.

    Args:
        check: change nothing; exit with 1 if something is pending, with --finish also if something is not finished.
        finish: the last node of the older version is gone: write what only newer ones understand, and take over what it wrote.
            Older versions refuse the database from then on. With SQLite `serve` does it as it starts.
        to: the number of the last migration to apply.
        json: print one object with done, pending and unfinished.
        flags: settings.
    """
    from clientry.storage import engines

    settings = load(flags).settings
    url = settings.database_url
    if to is not None and (to < 1 or finish):
        raise ConfigurationError("--to must be the number of a migration, from 1 on, and does not go with --finish.")
    if finish and not check:
        _finish(settings)
    elif not check:
        asyncio.run(engines.migrate(url, to))
    schema = asyncio.run(engines.read_schema(url))
    left = unfinished(schema.done)
    if json:
        done = [{"number": one.number, "name": one.name, "stage": one.stage.name.lower()} for one in schema.done]
        pending = [{"number": one.number, "name": one.name} for one in schema.pending]
        found = {"done": done, "pending": pending, "unfinished": [form.what for form in left]}
        print_json(msgspec.json.encode({"database": str(url), **found}))
    else:
        print_table(f"Migrations of {url}", ("number", "name", "state"), _rows(schema))
        if left:
            say(f"Not in use yet: {', '.join(form.what for form in left)}.")
            say("Once no node of the older version runs: clientry migrate --finish")
    sys.exit(1 if check and (schema.pending or (finish and left)) else 0)


@settings_flags("data", "database")
def backup(file: Path, *, force: bool = False, json: bool = False, **flags: Any) -> None:
    """Write one state of the database to a file, while servers go on. It is an SQLite file, whatever the engine.

    The file holds everything but two things, without which it is worth nothing to a thief and nothing to you: the pepper and the
    key-encryption key. Keep those apart from it, and keep them.

    Args:
        file: where to write it.
        force: replace a file that is there.
        json: print one object: table to rows and checksum.
        flags: settings.
    """
    from clientry.storage.engines import open_source, open_target

    url = load(flags).settings.database_url
    _report(_copied(open_source(url), open_target(sqlite_url(file), replace=force), "backup"), as_json=json)
    say(f"Backed up {url} to {file}. Keep the pepper and the key-encryption key too, in another place.")


@settings_flags("data", "database", "pepper_file", "key_encryption_key_file")
def restore(file: Path, *, keep_tokens: bool = False, json: bool = False, **flags: Any) -> None:
    """Fill an empty database from a backup, and stop every token issued so far.

    What was changed after the backup is not in it: a client that was disabled or deleted since is alive again, a secret that was
    ended or replaced is good again, and one that was made since is not there.

    Args:
        file: the backup.
        keep_tokens: tokens stay good, also those that were stopped after the backup.
        json: print one object: table to rows and checksum.
        flags: settings.
    """
    from clientry.installation import make_data_directory
    from clientry.storage.engines import lacks_its_log, open_source, open_target

    settings = load(flags).settings
    source, url = sqlite_url(file), settings.database_url
    incomplete = file.is_file() and lacks_its_log(source)
    make_data_directory(settings)
    begun = settling.beginning(keep_tokens=keep_tokens)
    _report(_copied(open_source(source), open_target(url), "restore", begun), as_json=json)
    say(f"Restored {file} to {url}.")
    say("The tokens of before stay good." if keep_tokens else "Every token of before is dead; clients get new ones.")
    if incomplete:
        say(
            f"{file} is the file of a server, copied by hand, and no backup. What its server had written to {file.name}-wal "
            "only is not in it, and nobody can tell what that was. Next time: clientry backup"
        )
    try:
        asyncio.run(settling.check(settings))
    except ConfigurationError as problem:
        say(f"Before a server can run on it: {problem}")


def copy(
    *,
    source: Annotated[str, Parameter(name="--from")],
    target: Annotated[str, Parameter(name="--to")],
    json: bool = False,
) -> None:
    """Copy a database to another engine, and compare. Stop the servers first: what they write meanwhile is not copied.

    Args:
        source: sqlite:PATH or postgresql://…, whose password, if any, is in the file that PGPASSFILE names.
        target: another one, which is empty.
        json: print one object: table to rows and checksum.
    """
    from clientry.storage.engines import open_source, open_target

    urls = [_named(text, flag) for text, flag in ((source, "--from"), (target, "--to"))]
    _report(_copied(open_source(urls[0]), open_target(urls[1]), "copy"), as_json=json)
    say(f"Copied {urls[0]} to {urls[1]}, and found every row there again.")


@_dev.command
@settings_flags(*PLACES, "secret_prefix")
def seed(
    *,
    clients: int,
    accounts: int = 0,
    depth: int = 1,
    credentials: Path | None = None,
    json: bool = False,
    **flags: Any,
) -> None:
    """Make many clients, to measure with: in an account of their own, or spread over accounts below it.

    Args:
        clients: how many.
        accounts: over how many accounts below it.
        depth: over how many levels these are spread, at most 6; 1: all are right below it.
        credentials: write id and secret of each client to this file, a line each, separated by a space.
        json: print one object: account_id of the new account, and the counts.
        flags: settings.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from clientry.cli.seeding import Planting, plant

    if clients < 1 or accounts < 0 or not 1 <= depth <= MAX_DEPTH - 2:
        raise ConfigurationError(
            f"--clients must be at least 1, --accounts at least 0, --depth between 1 and {MAX_DEPTH - 2}."
        )
    planting = Planting(clients, accounts, depth, credentials)
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("seed", total=clients + accounts)
        made = asyncio.run(plant(load(flags).settings, planting, lambda count: bar.advance(task, count)))
    if json:
        print_json(msgspec.json.encode({"account_id": made, "clients": clients, "accounts": accounts}))
    else:
        say(f"Made {clients:,} clients and {accounts:,} accounts below it in the new account {made}.")


def _named(text: str, flag: str) -> DatabaseUrl:
    try:
        url = parse(text)
    except ValueError as problem:
        raise ConfigurationError(f"{flag} {problem}.") from None
    if url.has_password:
        raise ConfigurationError(f"{flag}: a password on the command line shows in process lists. Use PGPASSFILE.")
    return url


def _copied(
    source: AbstractAsyncContextManager[Source],
    target: AbstractAsyncContextManager[Target],
    what: str,
    then: Callable[[Target], Awaitable[None]] | None = None,
) -> tuple[Copied, ...]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        try:
            return asyncio.run(
                transfer(source, target, lambda done, total: bar.update(task, completed=done, total=total), then)
            )
        except Mismatch as problem:
            raise ConfigurationError(str(problem)) from None


def _report(copied: tuple[Copied, ...], *, as_json: bool) -> None:
    if as_json:
        found = {one.table: {"rows": one.rows, "sha256": one.checksum} for one in copied}
        print_json(msgspec.json.encode(found))
        return
    print_table(
        "Copied, and compared", ("table", "rows", "sha256"), [(c.table, f"{c.rows:,}", c.checksum[:16]) for c in copied]
    )


def _finish(settings: Settings) -> None:
    """Finish the upgrade, with a progress bar."""
    from rich.console import Console
    from rich.progress import Progress

    from clientry.finishing import finish
    from clientry.opening import open_registry

    async def finished(on_progress: Callable[[int, int], None]) -> None:
        async with open_registry(settings) as registry:
            await finish(settings.database_url, registry.storage, registry.keys.pepper, on_progress)

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("finish", total=None)
        asyncio.run(finished(lambda done, total: bar.update(task, completed=done, total=total)))


def _rows(schema: Schema) -> list[tuple[str, str, str]]:
    left = {form.migration for form in unfinished(schema.done)}
    done = [(str(one.number), one.name, "not finished" if one.number in left else "done") for one in schema.done]
    return done + [(str(one.number), one.name, "pending") for one in schema.pending]
