"""The secrets of clients. Every operation takes the caller first, and checks, does and audits in one transaction.

Whoever changes secrets changes their client's version, too. By that, changes that meet are told from each other: there are never
no live secrets and never three.
"""

from msgspec import Struct, structs

from clientry.clock import Clock
from clientry.errors import BadRequest, Conflict, NotFound
from clientry.randomness import Random
from clientry.records.caller import Caller, Itself
from clientry.records.client import Client, locked_conflict
from clientry.records.field import ensure_future
from clientry.records.identifier import CLIENT_PREFIX, is_id
from clientry.records.scope import CLIENTS_READ, CLIENTS_WRITE
from clientry.records.secret import DAY, MAX_LIVE_SECRETS, MAX_WAIT, ClientSecret, UsedSecret, Verdict, verdict
from clientry.records.verifier import Pepper
from clientry.registry import operation
from clientry.registry.drawn_secret import draw_secret
from clientry.registry.operation import (
    Deed,
    audited,
    draw_occasion,
    existing_client,
    visible_client,
)
from clientry.storage import Snapshot, Storage, Transaction


class NewSecret(Struct, frozen=True):
    """How a secret is created, and how the client's other secrets end. None can outlive what it has left.

    Attributes:
        others_end_after: seconds that they live on; 0: they end now, or with the first use.
        from_first_use: whether that is counted from the first successful use of the new one, and after `MAX_WAIT` seconds at the
            latest, instead of from now.
        others_silence: seconds without a use after which they end sooner, once the new one is in use; None: they do not.
        expires_at: when the new one ends by itself, in seconds since 1970-01-01T00:00:00Z; None: it does not.
    """

    others_end_after: int
    from_first_use: bool = False
    others_silence: int | None = None
    expires_at: int | None = None

    @property
    def is_emergency(self) -> bool:
        """Whether the others end now."""
        return self.others_end_after == 0 and not self.from_first_use

    def ending(self, old: ClientSecret, now: int) -> ClientSecret:
        """Return another secret with its end."""
        wait = MAX_WAIT if self.from_first_use else 0
        at = now + wait + self.others_end_after
        return structs.replace(
            old,
            expires_at=at if old.expires_at is None else min(at, old.expires_at),
            grace=self.others_end_after if self.from_first_use else None,
            silence=self.others_silence,
        )


class CreatedSecret(Struct, frozen=True):
    """A new secret: what is kept of it and, this once, itself. It is in no repr."""

    kept: ClientSecret
    client_secret: str

    def __repr__(self) -> str:
        return f"CreatedSecret(secret_id={self.kept.secret_id!r})"


class ShownSecret(Struct, frozen=True):
    """A live secret with its use, and whether it can be ended without stopping anybody."""

    used: UsedSecret
    verdict: Verdict


class SecretRegistry:
    """Operations on client secrets."""

    def __init__(self, storage: Storage, clock: Clock, random: Random, pepper: Pepper, secret_prefix: str) -> None:
        self._storage = storage
        self._clock = clock
        self._random = random
        self._pepper = pepper
        self._secret_prefix = secret_prefix

    async def list(self, caller: Caller, client_id: str) -> tuple[ShownSecret, ...]:
        """Return a client's live secrets, oldest first, as they were used up to about a second ago.

        Raises:
            AccessDenied: the caller is no admin client with `clients:read`.
            NotFound: there is no such client, or not in the caller's tree.
        """
        caller.require(CLIENTS_READ)
        now = self._clock.now()

        async def body(snapshot: Snapshot) -> tuple[ShownSecret, ...]:
            visible_client(caller, await snapshot.clients.get(client_id) if is_id(CLIENT_PREFIX, client_id) else None)
            live = await _live_and_used(snapshot, client_id, now)
            return tuple(ShownSecret(one, verdict(one, live, now)) for one in live)

        return await self._storage.read(body)

    async def create(self, caller: Caller, client_id: str, new: NewSecret) -> CreatedSecret:
        """Create a secret, which is returned this once, and give the others of the client their end.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`.
            NotFound: there is no such client, or not in the caller's tree.
            BadRequest: the new one would end before the others.
            Conflict: the client is locked, or would have three live secrets.
        """
        caller.require(CLIENTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)
        now = int(occasion.now)
        drawn = draw_secret(client_id, self._secret_prefix, now, self._clock, self._random)
        if new.expires_at is not None:
            ensure_future("expires_at", new.expires_at, now)
        if new.expires_at is not None and new.expires_at <= now + new.others_end_after:
            raise BadRequest("expires_at must be later than the end of the other secrets.")

        async def body(transaction: Transaction) -> CreatedSecret:
            client = await _unlocked(caller, transaction, client_id)
            kept = await transaction.secrets.of(client_id)
            before = _live(kept, occasion.now)
            staying = () if new.is_emergency else tuple(new.ending(old, now) for old in before)
            if len(staying) >= MAX_LIVE_SECRETS:
                raise Conflict(
                    f"The client has {MAX_LIVE_SECRETS} live secrets already. Delete one of them first, "
                    "or end them all with others_end_after 0."
                )
            await _claim(transaction, client)
            for old in staying:
                await transaction.secrets.replace(old)
            for old in kept:
                if old.secret_id not in {one.secret_id for one in staying}:
                    await transaction.secrets.delete(old)
            made = structs.replace(await drawn.sealed(transaction, self._pepper), expires_at=new.expires_at)
            await transaction.secrets.add(made)
            deed = _deed("secret.create", client, before, (*staying, made))
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return CreatedSecret(made, drawn.client_secret)

        return await operation.change(self._storage, caller, occasion, body)

    async def delete(self, caller: Caller, client_id: str, secret_id: str) -> None:
        """End a secret now, also of a locked client, so that a leak is stopped at once.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`.
            NotFound: there is no such client or live secret, or not in the caller's tree.
            Conflict: the client is enabled, and this is its last live secret.
        """
        caller.require(CLIENTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)

        async def body(transaction: Transaction) -> None:
            client = await existing_client(caller, transaction, client_id)
            before = _live(await transaction.secrets.of(client_id), occasion.now)
            staying = tuple(one for one in before if one.secret_id != secret_id)
            if len(staying) == len(before):
                raise NotFound("There is no such secret.")
            if not staying and client.enabled:
                raise Conflict(
                    "It is the last live secret of an enabled client. Create another one first, or disable the client."
                )
            await _claim(transaction, client)
            for old in before:
                if old not in staying:
                    await transaction.secrets.delete(old)
            deed = _deed("secret.delete", client, before, staying)
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, body)

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
            begun = [_begun(one, at) for one in waiting]
            await _claim(transaction, client)
            for one in begun:
                await transaction.secrets.replace(one)
            deed = _deed("secret.begin_grace", client, tuple(waiting), tuple(begun))
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, body)

    async def retire_silent(self, client_id: str) -> None:
        """End those secrets of a client that nobody has used for as long as they may be silent, while a newer one is in use."""
        occasion = draw_occasion(self._clock, self._random)
        caller = Itself(request_id=occasion.event_id)

        async def body(transaction: Transaction) -> None:
            client = await transaction.clients.get(client_id)
            live = await _live_and_used(transaction, client_id, occasion.now)
            retired = tuple(one.kept for one in live if _is_retired(one, live, occasion.now))
            if client is None or not retired:
                return
            await _claim(transaction, client)
            for one in retired:
                await transaction.secrets.delete(one)
            before = tuple(one.kept for one in live)
            deed = _deed("secret.retire", client, before, tuple(one for one in before if one not in retired))
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, body)


async def _unlocked(caller: Caller, transaction: Transaction, client_id: str) -> Client:
    client = await existing_client(caller, transaction, client_id)
    if client.locked:
        raise locked_conflict()
    return client


async def _claim(transaction: Transaction, client: Client) -> None:
    """Change the client's version, before anything is done to its secrets: of two changes that meet here one starts again."""
    await transaction.clients.replace(client, structs.replace(client, version=client.version + 1))


def _deed(operation: str, client: Client, before: tuple[ClientSecret, ...], after: tuple[ClientSecret, ...]) -> Deed:
    old: dict[str, object] = {"secrets": [one.described for one in before]}
    new: dict[str, object] = {"secrets": [one.described for one in after]}
    return Deed(operation, client.account_id, client.client_id, old, new)


def _live(kept: tuple[ClientSecret, ...], now: float) -> tuple[ClientSecret, ...]:
    return tuple(one for one in kept if one.is_live(now))


async def _live_and_used(snapshot: Snapshot, client_id: str, now: float) -> tuple[UsedSecret, ...]:
    since = int(now - DAY) // 3600
    return tuple(one for one in await snapshot.secrets.used(client_id, since) if one.kept.is_live(now))


def _begun(waiting: ClientSecret, at: int) -> ClientSecret:
    """Return a secret whose grace period began at this second; its end is never put off."""
    end = at + (waiting.grace or 0)
    return structs.replace(
        waiting, grace=None, expires_at=end if waiting.expires_at is None else min(end, waiting.expires_at)
    )


def _is_retired(used: UsedSecret, live: tuple[UsedSecret, ...], now: float) -> bool:
    newer = [other for other in live if used.kept.is_older(other.kept)]
    if used.kept.silence is None or all(other.last_used_at is None for other in newer):
        return False
    silent_since = max(used.last_used_at or 0, *(other.kept.date_created for other in newer))
    return now >= silent_since + used.kept.silence
