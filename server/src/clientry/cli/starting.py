"""`clientry init`, `serve`, `config` and `recover`."""

import asyncio
import contextlib
import shlex
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from cyclopts import App

from clientry import ending
from clientry.cli.flags import EVERY, PLACES, as_arguments, settings_flags
from clientry.cli.output import print_json, print_table, say
from clientry.errors import ConfigurationError
from clientry.installation import FirstClient, write_credentials
from clientry.process.logs import Logs
from clientry.records.product import Catalogue
from clientry.settings import SETTINGS, Settings, load, shown, stray_variables

TOUR = """
Your first admin client. Its secret is shown this once:

  client_id      {client_id}
  client_secret  {client_secret}
  account_id     {account_id}

Try it, in another terminal. The secret goes to curl through a pipe: as an argument it would stand in the list of processes.

  URL={url}
  TOKEN=$(printf 'grant_type=client_credentials&client_id=%s&client_secret=%s' {client_id} {client_secret} |
    curl -s $URL/api-services/v1/auth/token -d @- |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
  curl -s $URL/v1/clients -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
    -d {body}
  curl -s "$URL/v1/clients?page_size=10&page_number=1" -H "Authorization: Bearer $TOKEN"

The API reference: {url}/docs
"""


def register(app: App) -> None:
    """Add the commands."""
    app.command(init)
    app.command(serve)
    app.command(worker, show=False)
    app.command(config)
    app.command(recover)


@settings_flags(*PLACES, "owner_email", "account_name", "signing_algorithm", "secret_prefix")
def init(*, json: bool = False, **flags: Any) -> None:
    """Make a data directory: keys, database, root account, and its first admin client, whose secret is shown once.

    Args:
        json: print exactly one object with account_id, client_id and client_secret.
        flags: settings.
    """
    from clientry.server import initialise

    settings = load(flags).settings

    def hand_over(first: FirstClient) -> None:
        with _handed_over():
            if json:
                print_json(_credentials(first))
            else:
                say(f"Initialised {settings.data}. The first admin client, its secret shown this once:")
                _print_credentials(first)

    with ending.held():  # else what is made could be left half done, or its secret be lost
        asyncio.run(initialise(settings, hand_over))


@settings_flags(*EVERY)
def serve(**flags: Any) -> None:
    """Serve. An empty data directory is initialised first, and the first credentials are handed over once.

    Args:
        flags: settings.
    """
    import structlog

    from clientry.server import serve as serve_alone
    from clientry.server import supervise

    settings = load(flags).settings

    def greet(first: FirstClient, url: str) -> None:
        _greet(settings, first, url)

    with _logged(settings) as logs:

        def command(number: int, taken: Sequence[int], lifeline: int) -> list[str]:
            places = ["--number", str(number), "--lifeline", str(lifeline)]
            sockets = [text for descriptor in taken for text in ("--socket", str(descriptor))]
            log = [] if logs.path is None else ["--log-path", str(logs.path)]
            return [sys.executable, "-m", "clientry", "worker", *places, *sockets, *log, *as_arguments(flags)]

        for warning in stray_variables():
            structlog.get_logger("clientry.settings").warning(warning)
        alone = settings.workers == 1
        code = _run(serve_alone(settings, logs, greet) if alone else supervise(settings, logs, command, greet))
    sys.exit(code)


@settings_flags(*EVERY)
def worker(*, number: int, socket: list[int], lifeline: int, log_path: Path | None = None, **flags: Any) -> None:
    """Serve as one of the workers of `clientry serve`, which starts them.

    Args:
        number: which worker.
        socket: the file descriptor of a socket to serve; given for each.
        lifeline: the file descriptor of the socket to the supervisor.
        log_path: the file that the supervisor's log is in.
        flags: settings.
    """
    import socket as sockets

    import structlog

    from clientry.server import work

    structlog.contextvars.bind_contextvars(worker=number)
    settings = load(flags).settings
    with contextlib.ExitStack() as stack:
        logs = stack.enter_context(_logged(settings, log_path))
        taken = [stack.enter_context(sockets.socket(fileno=descriptor)) for descriptor in socket]
        ours = stack.enter_context(sockets.socket(fileno=lifeline))
        code = _run(work(settings, logs, taken, ours))
    sys.exit(code)


@settings_flags(*EVERY)
def config(*, json: bool = False, **flags: Any) -> None:
    """Show each setting, and where it came from.

    Args:
        json: print one object: setting to value and source.
        flags: settings.
    """
    loaded = load(flags)
    values = shown(loaded.settings)
    if json:
        found = {name: {"value": value, "source": loaded.sources[name]} for name, value in values.items()}
        print_json(msgspec.json.encode(found))
        return
    rows = [(s.name, _plain(values[s.name]), loaded.sources[s.name], s.help) for s in SETTINGS]
    print_table("Settings", ("setting", "value", "from", "meaning"), rows)


@settings_flags(*PLACES, "secret_prefix", "products")
def recover(*, name: str = "Recovered admin client", json: bool = False, **flags: Any) -> None:
    """Make a new admin client of the root account: the way back in when the first secret is lost.

    Args:
        name: what to call it.
        json: print exactly one object with account_id, client_id and client_secret.
        flags: settings.
    """
    from clientry.cli.client_fields import create_admin

    created = asyncio.run(create_admin(load(flags).settings, name))
    first = FirstClient(created.client.account_id, created.client.client_id, created.client_secret)
    if json:
        print_json(_credentials(first))
        return
    say("A new admin client of the root account, its secret shown this once:")
    _print_credentials(first)


@contextmanager
def _logged(settings: Settings, path: Path | None = None) -> Generator[Logs]:
    from clientry.clock import SystemClock
    from clientry.process import logs

    log = logs.configure(settings.log_format, settings.log_level, SystemClock(), path)
    try:
        yield log
    finally:
        log.close()


def _run(server: Any) -> int:
    import uvloop

    return uvloop.run(server)


@contextmanager
def _handed_over() -> Generator[None]:
    """Have what is printed reach its reader, or end: credentials that nobody saw must not be made."""
    try:
        yield
        sys.stdout.flush()
    except OSError as problem:
        raise ConfigurationError(f"The credentials cannot be shown: {problem.strerror}. Nothing was changed.") from None


def _greet(settings: Settings, first: FirstClient, url: str) -> None:
    """Show the first credentials on a terminal, else leave them in a private file and say where."""
    if sys.stdout.isatty():
        products = Catalogue(settings.products).grantable[:1]
        body = {"name": "My first integration", "locked": False, "scopes": {"products": products}}
        quoted = shlex.quote(msgspec.json.encode(body).decode())
        with _handed_over():
            sys.stdout.write(TOUR.format(url=url, body=quoted, **msgspec.structs.asdict(first)))
        return
    write_credentials(settings.first_credentials, msgspec.json.format(_credentials(first), indent=2).decode() + "\n")
    say(f"The first admin client's credentials are in {settings.first_credentials}: take them, and delete the file.")


def _credentials(first: FirstClient) -> bytes:
    return msgspec.json.encode(first)


def _print_credentials(first: FirstClient) -> None:
    for name, value in msgspec.structs.asdict(first).items():
        sys.stdout.write(f"{name}  {value}\n")


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
