"""Reading and changing client secrets."""

from collections.abc import Sequence
from typing import Protocol

from clientry.records.secret import ClientSecret, UsedSecret
from clientry.storage.values import SecretUse


class SecretReads(Protocol):
    """Reading client secrets; the token path reads them with `Storage.credentials`."""

    async def of(self, client_id: str) -> tuple[ClientSecret, ...]:
        """Return every secret that is kept of a client, oldest first, also one that has ended by itself."""
        ...

    async def used(self, client_id: str, since_hour: int) -> tuple[UsedSecret, ...]:
        """Return the same with how they are used; uses are counted from `since_hour`, itself counted from 1970."""
        ...

    async def silent(self, now: int, after: str, limit: int) -> tuple[str, ...]:
        """Return at most `limit` ids of clients behind `after` that have a secret which ends because nobody uses it.

        It lives, and so does a newer one that is in use; and it was silent for as long as it may be since its last use, or since
        the newer one's birth.
        """
        ...


class SecretWrites(SecretReads, Protocol):
    """Reading and changing client secrets. Whoever changes them replaces their client, too: by that changes meet each other."""

    async def add(self, secret: ClientSecret) -> None:
        """Add a secret to its client."""
        ...

    async def add_all(self, secrets: Sequence[ClientSecret]) -> None:
        """Add secrets to many clients at once."""
        ...

    async def replace(self, secret: ClientSecret) -> None:
        """Change when a secret ends."""
        ...

    async def delete(self, secret: ClientSecret) -> None:
        """Delete a secret."""
        ...

    async def note_uses(self, uses: Sequence[SecretUse]) -> None:
        """Add up uses; a secret that is gone is passed over."""
        ...

    async def forget_uses(self, before_hour: int, limit: int) -> int:
        """Delete at most `limit` sums of hours before one, and return how many there were."""
        ...
