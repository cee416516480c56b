"""Randomness, as a value that is passed in. Rule: nothing else in Clientry draws random bytes."""

import os
from typing import Final, Protocol


class Random(Protocol):
    """A source of unpredictable bytes."""

    def bytes(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        ...


POOL: Final = 4_096
"""Bytes that are drawn at once for what is short."""
SHORT: Final = 16
"""Bytes of what names something. What is longer may be a secret: it is drawn alone, and kept nowhere."""


class SystemRandom:
    """The operating system's generator (ASVS 11.5.1: a CSPRNG).

    Names are cut from a pool: for a request and its token, asking the system twice costs as much as reading the request.
    """

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0
        os.register_at_fork(after_in_child=self._empty)

    def bytes(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        if count > SHORT:
            return os.urandom(count)
        end = self._at + count
        if end > len(self._pool):
            self._pool = os.urandom(POOL)
            end = count
        self._at = end
        return self._pool[end - count : end]

    def _empty(self) -> None:
        self._pool, self._at = b"", 0
