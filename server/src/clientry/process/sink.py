"""Where log lines go: through one bounded queue that a thread writes out.

A reader that hangs, a full disk or a closed pipe costs lines, which are counted, and never a request. Once something can be written
again, how many are missing is told first.
"""

import contextlib
import os
import select
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

MAX_QUEUED: Final = 10_000
"""Lines that may wait to be written."""
GATHERING: Final = 0.05
"""Seconds that lines are gathered before they are written."""


class Stream(Protocol):
    """An unbuffered stream of bytes, such as `sys.stderr.buffer.raw`."""

    def write(self, data: memoryview, /) -> int | None:
        """Write some of `data`, and return how many bytes; None: there is no room now."""
        ...

    def fileno(self) -> int:
        """Return its file descriptor."""
        ...


class Sink:
    """Writes lines to a stream from a thread of its own.

    The thread sleeps `GATHERING` seconds after it was woken, and then writes all that has come: were it woken for each
    line, it would take the interpreter's lock away from the requests thousands of times a second.

    Attributes:
        told: makes the line that says how many lines are missing.
    """

    def __init__(self, stream: Stream) -> None:
        self.told: Callable[[int], bytes] = _told
        self._stream = stream
        self._lines: list[bytes] = []
        self._refused = 0  # lines that found the queue full; counted by those who log
        self._lost = 0  # lines that could not be written, without those that were told; counted by the thread
        self._is_torn = False
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_out, name="clientry-log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Take a line that ends with a line feed; drop it if too many wait."""
        lines = self._lines
        if len(lines) >= MAX_QUEUED:
            self._refused += 1
            return
        lines.append(line)
        if len(lines) == 1:
            self._woken.set()

    def close(self, within: float = 2.0) -> None:
        """Write out what waits, for at most `within` seconds."""
        self._closing.set()
        self._woken.set()
        self._thread.join(within)

    def _write_out(self) -> None:
        closing = False
        while not closing:
            self._woken.wait()
            closing = self._closing.wait(GATHERING)
            self._woken.clear()
            lines, self._lines = self._lines, []
            self._put(lines)

    def _put(self, lines: list[bytes]) -> None:
        """Write lines, and count those that could not be written whole."""
        missing = self._refused + self._lost
        head = (b"\n" if self._is_torn else b"") + (self.told(missing) if missing else b"")
        data = head + b"".join(lines)
        room = self._send(data)
        if room == 0 and data:
            self._lost += len(lines)
            return
        self._is_torn = room < len(data) and data[room - 1 : room] != b"\n"
        if room >= len(head):
            self._lost -= missing
        room -= len(head)
        for line in lines:
            room -= len(line)
            self._lost += room < 0

    def _send(self, data: bytes) -> int:
        """Write as much as is taken, however long that takes where a reader is slow, and return how many bytes it was."""
        sent, view = 0, memoryview(data)
        while sent < len(view):
            try:
                written = self._stream.write(view[sent:])
                if not written:  # it does not block, and is full
                    select.select([], [self._stream.fileno()], [], None)
            except (OSError, ValueError):
                break
            sent += written or 0
        return sent


class LogFile:
    """The file that the standard streams were redirected to, if it is one: `clientry serve 2>>clientry.log`.

    Args:
        path: its name, None: that of what stderr is now.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or _file_behind(2)

    def reopen(self) -> None:
        """Go on in the file that now has this name; the one that had it was put away.

        Raises:
            OSError: it cannot be opened; the old one is used on.
        """
        if self.path is None:
            return
        before = os.fstat(2)
        fresh = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, stat.S_IMODE(before.st_mode))
        with contextlib.closing(os.fdopen(fresh, "wb", 0)):
            for descriptor in (1, 2):
                if os.path.samestat(os.fstat(descriptor), before):
                    os.dup2(fresh, descriptor)


def _file_behind(descriptor: int) -> Path | None:
    try:
        found = os.fstat(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        return path if stat.S_ISREG(found.st_mode) and os.path.samestat(found, path.stat()) else None
    except OSError:  # a system that does not tell, or a file without a name
        return None


def _told(count: int) -> bytes:
    return b'{"event":"log lines dropped","level":"warning","count":%d}\n' % count
