"""How secrets end by themselves; and what is common to all changes of secrets.

Whoever changes secrets changes their client's version, too. By that, changes that meet are told from each other: there are never
no live secrets and never three.
"""

from msgspec import structs

from clientry.clock import Clock
from clientry.randomness import Random
from clientry.records import audit_event
from clientry.records.caller import Itself
from clientry.records.client import Client
from clientry.records.idempotency import Target
from clientry.records.secret import DAY, ClientSecret, UsedSecret, is_retired
from clientry.registry import operation
from clientry.registry.operation import Deed, audited, draw_occasion
from clientry.storage import Snapshot, Storage, Transaction


class SecretLife:
    """Begins the grace periods of secrets, and ends those that nobody uses."""

    def __init__(self, storage: Storage, clock: Clock, random: Random) -> None:
        self._storage = storage
        self._clock = clock
        self._random = random

    async def begin_grace(self, client_id: str, used: str, at: int) -> None:
        """Begin the grace periods of a client's older secrets, because one was used; whatever its lock.

        Args:
            client_id: which client.
            used: the id of the secret that was used.
            at: when, in seconds since 1970-01-01T00:00:00Z.
        """
        occasion = draw_occasion(self._clock, self._random)
        caller = Itself(request_id=occasion.event_id)

        async def body(transaction: Transaction) -> None:
            client = await transaction.clients.get(client_id)
            kept = await transaction.secrets.of(client_id)
            first = next((one for one in kept if one.secret_id == used), None)
            waiting = [one for one in kept if first is not None and one.awaits(first)]
            if client is None or not waiting:
                return
            begun = [one.begun(at) for one in waiting]
            await claim(transaction, client)
            for one in begun:
                await transaction.secrets.replace(one)
            deed = deed_on_secrets("secret.begin_grace", client, tuple(waiting), tuple(begun))
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, Target(client_id), body)

    async def retire_silent(self, client_id: str) -> None:
        """End those secrets of a client that nobody has used for as long as they may be silent, while a newer one is in use."""
        occasion = draw_occasion(self._clock, self._random)
        caller = Itself(request_id=occasion.event_id)

        async def body(transaction: Transaction) -> None:
            client = await transaction.clients.get(client_id)
            live = await live_and_used(transaction, client_id, occasion.now)
            retired = tuple(one.kept for one in live if is_retired(one, live, occasion.now))
            if client is None or not retired:
                return
            await claim(transaction, client)
            for one in retired:
                await transaction.secrets.delete(one)
            before = tuple(one.kept for one in live)
            deed = deed_on_secrets("secret.retire", client, before, tuple(one for one in before if one not in retired))
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, Target(client_id), body)


async def claim(transaction: Transaction, client: Client) -> None:
    """Change the client's version, before anything is done to its secrets: of two changes that meet here one starts again."""
    await transaction.clients.replace(client, structs.replace(client, version=client.version + 1))


def deed_on_secrets(
    operation: str,
    client: Client,
    before: tuple[ClientSecret, ...],
    after: tuple[ClientSecret, ...],
    changed: Client | None = None,
) -> Deed:
    """Return what was done to secrets, and with `changed` to their client, too."""
    old, new = audit_event.difference(client, changed or client)
    old |= {"secrets": [one.described for one in before]}
    new |= {"secrets": [one.described for one in after]}
    return Deed(operation, client.account_id, client.client_id, old, new)


def live_secrets(kept: tuple[ClientSecret, ...], now: float) -> tuple[ClientSecret, ...]:
    """Return those secrets that are accepted at this time."""
    return tuple(one for one in kept if one.is_live(now))


async def live_and_used(snapshot: Snapshot, client_id: str, now: float) -> tuple[UsedSecret, ...]:
    """Return the live secrets of a client, oldest first, with how they were used in the last day."""
    since = int(now - DAY) // 3600
    return tuple(one for one in await snapshot.secrets.used(client_id, since) if one.kept.is_live(now))
