"""The command line: translates flags into operations, and what they return into text."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from cyclopts import App

from clientry import __version__, ending, files
from clientry.cli import (
    accounts,
    audit,
    client_fields,
    client_lifecycle,
    client_secrets,
    clients,
    database,
    settling,
    starting,
)
from clientry.cli.output import escape_what_cannot_be_shown, say
from clientry.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    Conflict,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    RegistryError,
    StorageUnavailable,
    Unauthorized,
)
from clientry.settings import stray_variables

FAILURE: Final = 1
WRONG_USAGE: Final = 2
READER_GONE: Final = 141
"""The exit code of a command whose reader went away, as of `clientry clients list | head -1`."""
EXIT_CODES: Final[dict[type[RegistryError], int]] = {
    BadRequest: WRONG_USAGE,
    NotFound: 3,
    Unauthorized: 4,
    AccessDenied: 4,
    Conflict: 5,
    PreconditionFailed: 5,
}
"""What a refusal of the registry ends a command with; any other is a plain failure."""

app = App(
    name="clientry",
    help="A self-hosted API-client registry and OAuth 2.0 client-credentials token service.",
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)
starting.register(app)
database.register(app)
settling.register(app)
client_fields.register(clients.app)
client_lifecycle.register(clients.app)
client_secrets.register(clients.app)
app.command(clients.app)
app.command(accounts.app)
app.command(audit.app)


def main() -> None:
    """Run a command; what can be expected to fail ends in one line and the exit code of its kind."""
    escape_what_cannot_be_shown()
    try:
        with ending.by_exception():
            _run()
    except ConfigurationError as problem:
        _fail(str(problem))
    except ValueError as problem:
        _fail(str(problem), WRONG_USAGE)
    except RegistryError as problem:
        _fail(problem.message, EXIT_CODES.get(type(problem), FAILURE))
    except OutcomeUnknown as problem:
        _fail(
            f"The database did not confirm the change ({problem}): it was made, or it was not. Look before you repeat."
        )
    except StorageUnavailable as problem:
        _fail(f"The database cannot be used right now ({problem}). Nothing was changed.")
    except OSError as problem:
        _fail_with(problem)
    except KeyboardInterrupt:
        ending.say_interrupted()
        sys.exit(ending.INTERRUPTED)


def _run() -> None:
    if sys.argv[1:2] not in (["serve"], ["worker"]):  # a server says it in its log
        with contextlib.suppress(OSError):
            os.set_blocking(1, True)  # else a slow reader would cut off what is printed
        for warning in stray_variables():
            say(f"clientry: {warning}")
    try:
        app()
    finally:
        sys.stdout.flush()


def _fail(text: str, code: int = FAILURE) -> None:
    say(f"clientry: {text}")
    sys.exit(code)


def _fail_with(problem: OSError) -> None:
    """Tell what the system did not let us do."""
    with contextlib.suppress(OSError):  # what is left for stdout is left: it cannot be written
        sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(problem, BrokenPipeError) and problem.filename is None:
        sys.exit(READER_GONE)
    path = Path(os.fsdecode(problem.filename)) if isinstance(problem.filename, str | bytes) else None
    if path is None:
        _fail(f"{problem.strerror or problem}.")
        return
    reason = files.whose(path) or files.whose(path.parent)
    _fail(f"{reason}." if reason else f"{path} cannot be used: {problem.strerror}.")
