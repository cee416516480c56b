"""Taking over the verifiers of all secrets, whoever's they are."""

from collections.abc import Sequence
from typing import Protocol

from clientry.records.secret import ClientSecret


class VerifierReads(Protocol):
    """Finds the verifiers that were made in one way, which their first byte tells."""

    async def count(self, tag: bytes) -> int:
        """Return how many there are."""
        ...

    async def slice(self, tag: bytes, after: tuple[str, str], limit: int) -> tuple[ClientSecret, ...]:
        """Return the secrets of at most `limit` of them, ordered by client and secret id, behind a pair of both."""
        ...


class VerifierWrites(VerifierReads, Protocol):
    """Finds and replaces them."""

    async def replace_all(self, new: Sequence[tuple[ClientSecret, bytes]]) -> None:
        """Give secrets other verifiers; one that is gone, or has another than was read, is passed over."""
        ...
