"""What each key that is kept outside the database makes of a constant."""

from typing import Protocol


class KeyCheckReads(Protocol):
    """Reading what each key that is kept outside the database makes of a constant."""

    async def get(self, name: str) -> bytes | None:
        """Return the value of a check, None where there is none."""
        ...


class KeyCheckWrites(KeyCheckReads, Protocol):
    """Reading and adding such checks."""

    async def add(self, name: str, value: bytes) -> None:
        """Add a check; its name must not be there, else `AlreadyTaken`."""
        ...
