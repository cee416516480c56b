"""How clients end and come back: deletion, restoring, the end that was set, and purging. Callers come first, as everywhere."""

from typing import Final

from clientry.clock import Clock
from clientry.errors import Conflict
from clientry.randomness import Random
from clientry.records import audit_event
from clientry.records.account import SUSPENDED_CUTOFF
from clientry.records.caller import Caller, Itself
from clientry.records.client import Client, ClientChange, ClientType, changed, locked_conflict, restored
from clientry.records.identifier import CLIENT_PREFIX, is_id
from clientry.records.scope import CLIENTS_WRITE
from clientry.registry import operation
from clientry.registry.operation import Deed, audited, draw_occasion, existing_client, visible_client
from clientry.storage import ClientFilter, Position, Slice, Start, Storage, Transaction

ADMINS_AT_A_TIME: Final = 20
"""Admin clients that are read at a time when one is looked for that has no end."""


class ClientLifecycle:
    """Deletes and restores clients, and ends those whose time has come. `restore_window`: in seconds."""

    def __init__(self, storage: Storage, clock: Clock, random: Random, restore_window: int) -> None:
        self._storage = storage
        self._clock = clock
        self._random = random
        self._restore_window = restore_window

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

        await operation.change(self._storage, caller, occasion, body)

    async def restore(self, caller: Caller, client_id: str) -> Client:
        """Bring a deleted client back, as it was and with its secrets; tokens from before stay dead. One that is there stays so.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`.
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
            if await transaction.accounts.hold(old.account_id) is None:
                raise Conflict("The account of the client was deleted.")
            new = restored(old, occasion.now)
            await transaction.clients.restore(old, new)
            deed = deed_on_client("client.restore", new, None, new)
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return new

        return await operation.change(self._storage, caller, occasion, body)

    async def expire(self, client_id: str) -> None:
        """Disable a client whose end has come, whatever its lock; it got nothing from its last second on."""
        occasion = draw_occasion(self._clock, self._random)
        caller = Itself(request_id=occasion.event_id)

        async def body(transaction: Transaction) -> None:
            old = await transaction.clients.get(client_id)
            if old is None or not old.enabled or not old.has_expired(occasion.now):
                return
            new = changed(old, ClientChange(enabled=False), occasion.now)
            await transaction.clients.replace(old, new)
            deed = deed_on_client("client.expire", new, old, new)
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, body)

    async def purge(self, now: int, limit: int) -> int:
        """Delete for good what at most `limit` clients left that can be restored no longer, and return how many there were."""
        deleted_by = now - self._restore_window
        return await self._storage.write(lambda transaction: transaction.clients.purge(now, deleted_by, limit))


async def keep_an_admin(caller: Caller, transaction: Transaction, stopped: Client) -> None:
    """Check, after a client was stopped or given an end, that its account can still be managed; a suspended account need not be.

    The account is claimed after the client was changed, in the order in which everything else takes the two.

    Args:
        caller: who stopped it; the operator may all the same.
        transaction: in which it was.
        stopped: as it was before.

    Raises:
        Conflict: no enabled admin client of its account and those below it is left; where it had no end, none without an end.
    """
    if caller.may_stop_the_last_admin or stopped.client_type is not ClientType.ADMIN or not stopped.enabled:
        return
    account = await transaction.accounts.claim(stopped.account_id)
    if account is None or account.path_cutoff >= SUSPENDED_CUTOFF:
        return
    admins = ClientFilter(stopped.account_id, client_type=ClientType.ADMIN)
    left = Slice[Client]((), more=True)
    while left.more:
        after = Start(after=position(left.items[-1])) if left.items else Start()
        left = await transaction.clients.slice(admins, after, ADMINS_AT_A_TIME)
        if any(one.expires_at is None or stopped.expires_at is not None for one in left.items):
            return
    raise Conflict(
        "It is the last admin client of its account, or the last one without an end. Against a leak, rotate its secret with "
        "others_end_after 0 and revoke its tokens; to stop everything, suspend the account."
    )


def position(client: Client) -> Position:
    """Return where a client stands in a list."""
    return Position(client.date_created, client.client_id)


def deed_on_client(operation: str, client: Client, old: Client | None, new: Client | None) -> Deed:
    """Return what was done to a client, for the audit trail."""
    before, after = audit_event.difference(old, new)
    return Deed(operation, client.account_id, client.client_id, before, after)
