"""Randomness, as a value that is passed in. Rule: nothing else in Clientry draws random bytes."""

import os
from typing import Protocol


class Random(Protocol):
    """A source of unpredictable bytes."""

    def bytes(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        ...


class SystemRandom:
    """The operating system's generator (ASVS 11.5.1: a CSPRNG)."""

    def bytes(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        return os.urandom(count)
