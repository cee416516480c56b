"""Files that the driver looks for in `~/.postgresql` by itself: one that cannot be read counts as absent.

The home directory may be somebody else's: in a container that runs as any user, or under a supervisor that keeps root's. The driver
copes with a missing file and not with a forbidden one, and has no option for it. What a URL or a variable names is not touched.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from asyncpg import connect_utils  # pyright: ignore[reportMissingTypeStubs] - it has annotations, and no stubs

_CERTIFICATE: Final = ("postgresql.crt", "postgresql.key")
_default: Final[Callable[[str], Path | None]] = cast("Any", connect_utils)._dot_postgresql_path


def readable_default(name: str) -> Path | None:
    """Return where a default file is or would be; None: it is forbidden, or it is one half of a pair whose other half is."""
    pair = _CERTIFICATE if name in _CERTIFICATE else (name,)
    return None if any(_forbidden(_default(one)) for one in pair) else _default(name)


def _forbidden(path: Path | None) -> bool:
    if path is None:
        return False
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return not os.access(path, os.R_OK)


def leave_out_forbidden() -> None:
    """Have the driver look for its default files with `readable_default`."""
    cast("Any", connect_utils)._dot_postgresql_path = readable_default
