"""One setting."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Setting(Struct, frozen=True):
    """One setting.

    Attributes:
        name: of the field; the flag is `--name-with-dashes`, the variable `CLIENTRY_NAME`.
        parse: reads it from text, or from what TOML holds; raises ValueError with what it must be.
        default: its value where nobody gives it.
        help: one line for people.
        variable_only: it is taken from its variable only; flags stand in process lists, and settings files in backups.
    """

    name: str
    parse: Callable[[Any], Any]
    default: object
    help: str
    variable_only: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "CLIENTRY_" + self.name.upper()

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")
