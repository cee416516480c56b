"""The command line: translates flags into operations, and what they return into text."""

import sys
from typing import Final

from cyclopts import App

from clientry import __version__
from clientry.cli import accounts, audit, client_fields, client_lifecycle, client_secrets, clients, database, starting
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

FAILURE: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130
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
)
starting.register(app)
database.register(app)
client_fields.register(clients.app)
client_lifecycle.register(clients.app)
client_secrets.register(clients.app)
app.command(clients.app)
app.command(accounts.app)
app.command(audit.app)


def main() -> None:
    """Run a command; what can be expected to fail ends in one line and the exit code of its kind."""
    try:
        app()
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
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _fail(text: str, code: int = FAILURE) -> None:
    sys.stderr.write(f"clientry: {text}\n")
    sys.exit(code)
