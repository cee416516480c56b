"""The command line: translates flags into operations, and what they return into text."""

import sys

from cyclopts import App

from clientry import __version__
from clientry.cli import accounts, audit, client_lifecycle, client_secrets, clients, database, starting
from clientry.errors import ConfigurationError, OutcomeUnknown, RegistryError, StorageUnavailable

app = App(
    name="clientry",
    help="A self-hosted API-client registry and OAuth 2.0 client-credentials token service.",
    version=__version__,
    version_flags=["--version"],
)
starting.register(app)
database.register(app)
client_lifecycle.register(clients.app)
client_secrets.register(clients.app)
app.command(clients.app)
app.command(accounts.app)
app.command(audit.app)


def main() -> None:
    """Run a command; what can be expected to fail ends in one line and exit code 1."""
    try:
        app()
    except (ConfigurationError, ValueError) as problem:
        _fail(str(problem))
    except RegistryError as problem:
        _fail(problem.message)
    except OutcomeUnknown as problem:
        _fail(
            f"The database did not confirm the change ({problem}): it was made, or it was not. Look before you repeat."
        )
    except StorageUnavailable as problem:
        _fail(f"The database cannot be used right now ({problem}). Nothing was changed.")
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(text: str) -> None:
    sys.stderr.write(f"clientry: {text}\n")
    sys.exit(1)
