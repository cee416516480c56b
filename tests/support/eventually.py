"""Waiting for what comes by itself."""

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], within: float, said: Callable[[], str] = str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, said()
        time.sleep(0.1)
