"""Whose turn it is to write, among the processes that share a file.

SQLite lets one process write at a time, and those that wait look again and again, at growing intervals: beside a busy process
another one may never get its turn. Two locks in a row are fair: whoever waits for the second one holds the first, so the process
that has just written has to stand behind it.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from clientry import files
from clientry.errors import ConfigurationError


class Turnstile:
    """Lets one process after the other through. `path`: of the database; the locks are files beside it."""

    def __init__(self, path: Path) -> None:
        self._next = _open(path.with_name(path.name + "-next"))
        self._writing = _open(path.with_name(path.name + "-writing"))

    @contextmanager
    def turn(self) -> Generator[None]:
        """Wait for the turn of this process, and keep it."""
        fcntl.flock(self._next, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._writing, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._writing, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the files; they stay where they are, because others may be waiting at them."""
        os.close(self._next)
        os.close(self._writing)


def _open(path: Path) -> int:
    try:
        descriptor = files.open_private(path)
        files.give_to_folder_owner(path)  # one that root left behind keeps nobody out
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be opened: {problem.strerror}.") from None
    return descriptor
