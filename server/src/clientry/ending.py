"""How the program ends when it is asked to, from its first line on: with one line at most, and the exit code that says so.

While it loads it holds nothing, and ends at once. A command is ended by an exception, so that it puts away what it holds; whoever
asks again does not wait for that. A server takes the signals over when it serves. All of it belongs to the process, as signals do.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import Any, Final

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C."""
TERMINATED: Final = 143
"""The exit code of a command after SIGTERM; a server was meant to end like this, and ends with 0."""


class _Endings:
    """What is done about SIGINT and SIGTERM."""

    def __init__(self) -> None:
        self.serves = False
        self.by_exception = False
        self.held = 0
        self.raised = 0
        self._waiting = 0

    def hear(self, number: int, _frame: FrameType | None = None) -> None:
        """End, as far as the program has come."""
        if self.held and not self._waiting:
            self._waiting = number
        elif self.held or not self.by_exception:
            self.leave(number)
        else:
            self.by_exception = False
            self.raised = number
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(self.code(number))

    def release(self) -> None:
        """Go on listening, and do about what was heard meanwhile what is to be done."""
        self.held -= 1
        if self._waiting and not self.held:
            number, self._waiting = self._waiting, 0
            self.hear(number)

    def code(self, number: int) -> int:
        """Return the exit code."""
        if number == signal.SIGINT:
            return INTERRUPTED
        return 0 if self.serves else TERMINATED

    def leave(self, number: int) -> None:
        """End at once: nothing is there that would have to be put away, or nobody wants to wait for it."""
        if number == signal.SIGINT:
            say_interrupted()
        os._exit(self.code(number))

    def unraisable(self, failure: Any) -> None:
        """End where the exception that should have done it was swallowed, for example by a finalizer."""
        if isinstance(failure.exc_value, KeyboardInterrupt | SystemExit):
            self.leave(signal.SIGINT if isinstance(failure.exc_value, KeyboardInterrupt) else signal.SIGTERM)
        sys.__unraisablehook__(failure)


_endings = _Endings()


def hear(*, serves: bool) -> None:
    """Answer SIGINT and SIGTERM from now on; the first process of a container would otherwise not hear them at all.

    Args:
        serves: whether this is a server, which SIGHUP asks to read something again, and never to end.
    """
    _endings.serves = serves
    sys.unraisablehook = _endings.unraisable
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _endings.hear)
    if serves:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def by_exception() -> Generator[None]:
    """Have a signal raise KeyboardInterrupt or SystemExit meanwhile, once; before and after it ends the process at once.

    When that exception comes out, all is put away that knew of it, and the process ends: it does not wait for threads, whose owner
    may have been interrupted while it made them.
    """
    _endings.by_exception = True
    try:
        yield
    finally:
        _endings.by_exception = False
        if _endings.raised:
            _endings.leave(_endings.raised)


@contextlib.contextmanager
def held() -> Generator[None]:
    """Have a signal wait for the end of this context, so that what is done in it is done whole; a second one does not wait."""
    _endings.held += 1
    try:
        yield
    finally:
        _endings.release()


def say_interrupted() -> None:
    """Tell that Ctrl-C was heard; not through a stream, which may be in the middle of something."""
    with contextlib.suppress(OSError):
        os.write(2, b"clientry: interrupted.\n")


def open_standard_streams() -> None:
    """Have the descriptors 0 to 2 be there: whoever starts without them would hand them out to sockets and files."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - it is where descriptor 1 was closed
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - there is no path, and no end
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
