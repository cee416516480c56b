"""Reading and changing clients."""

from collections.abc import Sequence
from typing import Protocol

from clientry.records.client import Client
from clientry.storage.protocols.listable import Listable
from clientry.storage.values import ClientFilter


class ClientReads(Listable[ClientFilter, Client], Protocol):
    """Reading clients."""

    async def get(self, client_id: str) -> Client | None:
        """Return the client, None where there is none or it was deleted."""
        ...

    async def deleted(self, client_id: str, since: int) -> Client | None:
        """Return a client that was deleted after the second `since` and can be restored, None where there is none."""
        ...

    async def expired(self, now: int, limit: int) -> tuple[str, ...]:
        """Return at most `limit` ids of enabled clients whose end has come."""
        ...


class ClientWrites(ClientReads, Protocol):
    """Reading and changing clients."""

    async def keep(self, client_id: str, path: tuple[str, ...]) -> Client | None:
        """Return a client with what stops it on a path, as it is now, or was before this transaction changed it; or None.

        Until the transaction ends nobody stops it, or an account of the path. `Overtaken` where somebody is about to: the
        transaction is run again. None: one of them is gone.
        """
        ...

    async def add(self, client: Client) -> None:
        """Add a new client; its id must never have been used, else `AlreadyTaken`."""
        ...

    async def add_all(self, clients: Sequence[Client]) -> None:
        """Add many new clients at once; their ids must never have been used, else `AlreadyTaken`."""
        ...

    async def replace(self, old: Client, new: Client) -> None:
        """Put `new` in the place of `old`; id, account and creation date stay. `LostUpdate` if it is no longer `old`."""
        ...

    async def delete(self, client: Client, at: int) -> None:
        """Delete a client; its id stays taken, and it can be restored. `LostUpdate` if it is no longer `client`.

        `at`: seconds since 1970-01-01T00:00:00Z.
        """
        ...

    async def restore(self, old: Client, new: Client) -> None:
        """Put a deleted client back, with cut-off, salts and version of `new`. `LostUpdate` if it is no longer `old`."""
        ...

    async def purge(self, now: int, deleted_by: int, limit: int) -> int:
        """Delete for good what at most `limit` clients left that were deleted until `deleted_by`, and return how many."""
        ...
