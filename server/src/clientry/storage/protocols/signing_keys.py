"""Reading and adding signing keys."""

from typing import Protocol

from clientry.records.signing_key import SealedKey


class SigningKeyReads(Protocol):
    """Reading signing keys."""

    async def all(self) -> tuple[SealedKey, ...]:
        """Return every signing key, oldest first."""
        ...


class SigningKeyWrites(SigningKeyReads, Protocol):
    """Reading and adding signing keys."""

    async def add(self, key: SealedKey) -> None:
        """Add a signing key."""
        ...
