"""How clients end and come back: deletion, restoring, the end that was set, and purging. Callers come first, as everywhere."""

from msgspec import structs

from clientry.clock import Clock
from clientry.errors import Conflict
from clientry.randomness import Random
from clientry.records import audit_event
from clientry.records.caller import Caller, Itself
from clientry.records.client import Client, ClientChange, changed, locked_conflict, restored
from clientry.records.idempotency import Target
from clientry.records.identifier import CLIENT_PREFIX, is_id
from clientry.records.scope import CLIENTS_READ, CLIENTS_WRITE
from clientry.registry import operation
from clientry.registry.last_admin import keep_an_admin
from clientry.registry.listing import Listed, Listing, PageRequest, client_position, open_listing
from clientry.registry.operation import (
    Deed,
    audited,
    draw_occasion,
    ensure_holds,
    ensure_still_valid,
    existing_client,
    visible_client,
)
from clientry.storage import ClientFilter, Snapshot, Storage, Transaction


class ClientLifecycle:
    """Deletes and restores clients, and ends those whose time has come. `restore_window`: in seconds."""

    def __init__(self, storage: Storage, clock: Clock, random: Random, restore_window: int) -> None:
        self._storage = storage
        self._clock = clock
        self._random = random
        self._restore_window = restore_window

    async def list_deleted(self, caller: Caller, wanted: ClientFilter, page: PageRequest) -> Listing[Client]:
        """Return a page of the deleted clients of the caller's tree that can be restored, newest first.

        Raises:
            AccessDenied: the caller is no admin client with `clients:read`.
        """
        caller.require(CLIENTS_READ)
        since = int(self._clock.now()) - self._restore_window
        narrowed = structs.replace(wanted, within=caller.root, deleted_since=since)

        async def permit(snapshot: Snapshot) -> None:
            await ensure_still_valid(caller, snapshot, self._clock.now())

        listed = Listed(narrowed, lambda snapshot: snapshot.deleted_clients, client_position, permit)
        return await open_listing(self._storage, listed, page)

    def restorable_until(self, client: Client) -> int | None:
        """Return the first second at which a deleted client can be restored no longer, None: it was not deleted."""
        return None if client.deleted_at is None else client.deleted_at + self._restore_window

    async def delete(self, caller: Caller, client_id: str, if_match: frozenset[int] | None = None) -> None:
        """Delete a client: its credentials and its tokens are dead at once, its id is never used again. It can be restored.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`.
            NotFound: there is no such client, or not in the caller's tree.
            PreconditionFailed: it has another version.
            Conflict: it is locked, or it is the caller itself, or the account's last admin client: see `keep_an_admin`.
        """
        caller.require(CLIENTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)

        async def body(transaction: Transaction) -> None:
            old = await existing_client(caller, transaction, client_id, if_match)
            if caller.actor == client_id:
                raise Conflict("A client cannot delete itself. Use another admin client.")
            if old.locked:
                raise locked_conflict()
            await transaction.clients.delete(old, int(occasion.now))
            await keep_an_admin(caller, transaction, old)
            deed = deed_on_client("client.delete", old, old, None)
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, Target(client_id), body)

    async def restore(self, caller: Caller, client_id: str) -> Client:
        """Bring a deleted client back, as it was and with its secrets; tokens from before stay dead. One that is there stays so.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`, or its token lacks a global resource of the client.
            NotFound: there is no such client, or not in the caller's tree, or it was deleted too long ago.
            Conflict: its account was deleted.
        """
        caller.require(CLIENTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)
        known = is_id(CLIENT_PREFIX, client_id)

        async def body(transaction: Transaction) -> Client:
            since = int(occasion.now) - self._restore_window
            deleted = await transaction.clients.deleted(client_id, since) if known else None
            if deleted is None:
                there = await existing_client(caller, transaction, client_id)
                await transaction.clients.replace(
                    there, there
                )  # waits for the replica, as `ClientRegistry.update` does
                return there
            old = visible_client(caller, deleted)
            ensure_holds(caller, old.resources)
            if await transaction.accounts.hold(old.account_id) is None:
                raise Conflict("The account of the client was deleted.")
            new = restored(old, await occasion.stop(transaction))
            await transaction.clients.restore(old, new)
            deed = deed_on_client("client.restore", new, None, new)
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return new

        return await operation.change(self._storage, caller, occasion, Target(client_id, empowers=True), body)

    async def expire(self, client_id: str) -> None:
        """Disable a client whose end has come, whatever its lock; it got nothing from its last second on."""
        occasion = draw_occasion(self._clock, self._random)
        caller = Itself(request_id=occasion.event_id)

        async def body(transaction: Transaction) -> None:
            old = await transaction.clients.get(client_id)
            if old is None or not old.enabled or not old.has_expired(occasion.now):
                return
            new = changed(old, ClientChange(enabled=False), await occasion.stop(transaction))
            await transaction.clients.replace(old, new)
            deed = deed_on_client("client.expire", new, old, new)
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, Target(client_id), body)

    async def purge(self, now: int, limit: int) -> int:
        """Delete for good what at most `limit` clients left that can be restored no longer, and return how many there were."""
        deleted_by = now - self._restore_window
        return await self._storage.write(lambda transaction: transaction.clients.purge(now, deleted_by, limit))


def deed_on_client(operation: str, client: Client, old: Client | None, new: Client | None) -> Deed:
    """Return what was done to a client, for the audit trail."""
    before, after = audit_event.difference(old, new)
    return Deed(operation, client.account_id, client.client_id, before, after)
