"""Values of settings that are neither numbers nor plain texts."""

from enum import StrEnum


class LogFormat(StrEnum):
    """How lines look."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """From which level on lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Pooler(StrEnum):
    """What stands between Clientry and PostgreSQL: nothing, a pooler in transaction mode, or whichever of the two it finds."""

    AUTO = "auto"
    NONE = "none"
    TRANSACTION = "transaction"


class HiddenText:
    """A text that is in no repr, and that no encoder looks into. `text`: the text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "***"
