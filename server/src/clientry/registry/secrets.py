"""The secrets of clients. Every operation takes the caller first, and checks, does and audits in one transaction."""

from msgspec import Struct, structs

from clientry.clock import Clock
from clientry.errors import BadRequest, Conflict, NotFound
from clientry.randomness import Random
from clientry.records.caller import Caller
from clientry.records.client import Client, locked_conflict, tokens_revoked
from clientry.records.field import ensure_future
from clientry.records.idempotency import Target
from clientry.records.identifier import CLIENT_PREFIX, is_id
from clientry.records.scope import CLIENTS_READ, CLIENTS_WRITE
from clientry.records.secret import MAX_LIVE_SECRETS, MAX_WAIT, ClientSecret, UsedSecret, Verdict, verdict
from clientry.records.verifier import Pepper
from clientry.registry import operation
from clientry.registry.drawn_secret import draw_secret
from clientry.registry.last_admin import keep_an_admin
from clientry.registry.operation import audited, draw_occasion, ensure_holds, existing_client, visible_client
from clientry.registry.secret_life import claim, deed_on_secrets, live_and_used, live_secrets
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


class Contained(Struct, frozen=True):
    """A client whose secrets and tokens from before are dead, and its new secret, None where none was asked for."""

    client: Client
    created: CreatedSecret | None


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
            live = await live_and_used(snapshot, client_id, now)
            return tuple(ShownSecret(one, verdict(one, live, now)) for one in live)

        return await self._storage.read(body)

    async def create(self, caller: Caller, client_id: str, new: NewSecret) -> CreatedSecret:
        """Create a secret, which is returned this once, and give the others of the client their end.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`, or its token lacks a global resource of the client.
            NotFound: there is no such client, or not in the caller's tree.
            BadRequest: the new one would end before the others.
            Conflict: the client is locked, or would have three live secrets; or it is the last that can manage its account, and all
                of its secrets would have an end: see `keep_an_admin`.
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
            client = _unlocked(await existing_client(caller, transaction, client_id))
            ensure_holds(caller, client.resources)
            kept = await transaction.secrets.of(client_id)
            before = live_secrets(kept, occasion.now)
            staying = () if new.is_emergency else tuple(new.ending(old, now) for old in before)
            if len(staying) >= MAX_LIVE_SECRETS:
                raise Conflict(
                    f"The client has {MAX_LIVE_SECRETS} live secrets already. Delete one of them first, "
                    "or end them all with others_end_after 0."
                )
            await claim(transaction, client)
            for old in staying:
                await transaction.secrets.replace(old)
            for old in kept:
                if old.secret_id not in {one.secret_id for one in staying}:
                    await transaction.secrets.delete(old)
            made = structs.replace(await drawn.sealed(transaction, self._pepper), expires_at=new.expires_at)
            await transaction.secrets.add(made)
            if new.expires_at is not None:
                await keep_an_admin(caller, transaction, client, before)
            deed = deed_on_secrets("secret.create", client, before, (*staying, made))
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return CreatedSecret(made, drawn.client_secret)

        return await operation.change(self._storage, caller, occasion, Target(client_id, empowers=True), body)

    async def delete(self, caller: Caller, client_id: str, secret_id: str) -> None:
        """End a secret now, also of a locked client, so that a leak is stopped at once.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`.
            NotFound: there is no such client or live secret, or not in the caller's tree.
            Conflict: the client is enabled, and this is its last live secret; or it is the last that can manage its account, and
                this is its last secret without an end.
        """
        caller.require(CLIENTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)

        async def body(transaction: Transaction) -> None:
            client = await existing_client(caller, transaction, client_id)
            before = live_secrets(await transaction.secrets.of(client_id), occasion.now)
            staying = tuple(one for one in before if one.secret_id != secret_id)
            if len(staying) == len(before):
                raise NotFound("There is no such secret.")
            if not staying and client.enabled:
                raise Conflict(
                    "It is the last live secret of an enabled client. Create another one first, or disable the client."
                )
            await claim(transaction, client)
            for old in before:
                if old not in staying:
                    await transaction.secrets.delete(old)
            await keep_an_admin(caller, transaction, client, before)
            deed = deed_on_secrets("secret.delete", client, before, staying)
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, Target(client_id), body)

    async def contain(
        self, caller: Caller, client_id: str, *, new_secret: bool, if_match: frozenset[int] | None = None
    ) -> Contained:
        """End every secret of a client and revoke every token of it, at once; a new secret is returned this once.

        One after the other would not do: whoever has the leaked secret gets a fresh token between the two.

        Args:
            caller: who asks.
            client_id: which client.
            new_secret: whether it gets a new secret; not while it is locked.
            if_match: the versions that the client may have, None: any.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`; or a new secret is wanted, and its token lacks a
                global resource of the client.
            NotFound: there is no such client, or not in the caller's tree.
            PreconditionFailed: it has another version.
            Conflict: it is locked and a new secret is wanted; or none is, and it is the caller itself or the last that can manage
                its account: see `keep_an_admin`.
        """
        caller.require(CLIENTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)
        drawn = draw_secret(client_id, self._secret_prefix, int(occasion.now), self._clock, self._random)

        async def body(transaction: Transaction) -> Contained:
            client = await existing_client(caller, transaction, client_id, if_match)
            if new_secret:
                ensure_holds(caller, _unlocked(client).resources)
            elif caller.actor == client_id:
                raise Conflict("A client cannot end all of its own secrets. Ask for a new one with it.")
            kept = await transaction.secrets.of(client_id)
            contained = tokens_revoked(client, await occasion.stop(transaction))
            await transaction.clients.replace(client, contained)
            for old in kept:
                await transaction.secrets.delete(old)
            before = live_secrets(kept, occasion.now)
            created = None
            if new_secret:
                created = CreatedSecret(await drawn.sealed(transaction, self._pepper), drawn.client_secret)
                await transaction.secrets.add(created.kept)
            else:
                await keep_an_admin(caller, transaction, client, before)
            after = () if created is None else (created.kept,)
            deed = deed_on_secrets("client.contain", client, before, after, contained)
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return Contained(contained, created)

        return await operation.change(self._storage, caller, occasion, Target(client_id, empowers=new_secret), body)


def _unlocked(client: Client) -> Client:
    if client.locked:
        raise locked_conflict()
    return client
