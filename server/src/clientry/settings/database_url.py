"""Where the database is: `sqlite:PATH`, or a PostgreSQL URL, whose password is never shown."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PORT: Final = 5432
_POSTGRES_SCHEMES: Final = ("postgresql", "postgres")


class Engine(StrEnum):
    """What keeps the data."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class DatabaseUrl:
    """A database. Its password is in no repr and in no text but `text`; no encoder looks inside.

    Attributes:
        engine: what keeps the data.
        text: the URL as it was given.
    """

    def __init__(self, engine: Engine, text: str) -> None:
        self.engine = engine
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatabaseUrl) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        if self.engine is Engine.SQLITE:
            return self.text
        shown = re.sub(r"^(\w+://[^:@/?]*):[^@/?]*@", r"\1:***@", self.text)
        return re.sub(r"([?&](?:password|sslpassword)=)[^&]*", r"\1***", shown)

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return Path(self.text.removeprefix("sqlite:"))

    @property
    def hosts(self) -> tuple[tuple[str, int] | None, ...]:
        """Every host of a PostgreSQL URL, or directory of its socket, with its port; None: what the driver's defaults say."""
        netloc = urlsplit(self.text).netloc.rpartition("@")[2]
        if not netloc:
            return (None,)
        return tuple(_host(entry) for entry in netloc.split(","))

    @property
    def has_password(self) -> bool:
        """Whether a password is written in it."""
        if self.engine is Engine.SQLITE:
            return False
        parts = urlsplit(self.text)
        return ":" in parts.netloc.rpartition("@")[0] or any(
            name in ("password", "sslpassword") for name, _ in parse_qsl(parts.query)
        )


def sqlite_url(path: Path) -> DatabaseUrl:
    """Return the URL of an SQLite file."""
    return DatabaseUrl(Engine.SQLITE, f"sqlite:{path}")


def parse(text: str) -> DatabaseUrl:
    """Read a URL.

    Raises:
        ValueError: it is none, with what it must be; never echoes it.
    """
    scheme, _, rest = text.partition(":")
    if scheme == "sqlite" and rest and not rest.startswith("//"):
        try:
            return sqlite_url(Path(rest).expanduser())
        except RuntimeError:
            raise ValueError("must not begin with ~: this user has no home directory") from None
    if scheme in _POSTGRES_SCHEMES and rest.startswith("//"):
        url = DatabaseUrl(Engine.POSTGRESQL, text)
        try:
            _ = url.hosts
        except ValueError:
            raise ValueError("must have hosts such as a.example.com:5432,b.example.com:5432") from None
        return url
    raise ValueError("must be sqlite:PATH or postgresql://USER@HOST[:PORT][,HOST…]/DATABASE")


def _host(entry: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]+)(?::(\d{1,5}))?", entry)
    if match is None:
        raise ValueError
    return unquote(match[1]).strip("[]"), int(match[2] or DEFAULT_PORT)
