"""The registry of clients. Every operation takes the caller first, and checks, does and audits in one transaction."""

from msgspec import Struct, structs

from clientry.clock import Clock
from clientry.errors import BadRequest, Conflict
from clientry.randomness import Random
from clientry.records.account import Account
from clientry.records.caller import Caller
from clientry.records.client import (
    DEFAULT_TOKEN_LIFETIME,
    Client,
    ClientChange,
    ClientType,
    changed,
    empowers,
    relabelled,
    tokens_revoked,
)
from clientry.records.field import clean_products, clean_text, ensure_future
from clientry.records.idempotency import Target
from clientry.records.identifier import CLIENT_PREFIX, is_id, new_id
from clientry.records.product import Catalogue
from clientry.records.scope import CLIENTS_READ, CLIENTS_WRITE
from clientry.records.verifier import Pepper
from clientry.registry import operation
from clientry.registry.client_life import deed_on_client
from clientry.registry.drawn_secret import draw_secret
from clientry.registry.last_admin import keep_an_admin
from clientry.registry.listing import Listed, Listing, PageRequest, client_position, open_listing
from clientry.registry.operation import (
    account_in_tree,
    audited,
    draw_occasion,
    ensure_holds,
    ensure_still_valid,
    existing_client,
    visible_client,
)
from clientry.storage import ClientFilter, Snapshot, Storage, Transaction


class NewClient(Struct, frozen=True):
    """What a client is created from.

    Attributes:
        name: 1 to 255 characters.
        locked: None: never locked.
        products: names of configured products.
        account_id: None: the caller's account.
        client_type: through the API always standard.
        resources: global-resource scopes, for admin clients.
        client_owner: an e-mail address, None: that of the account's owner.
        enabled: False: it is made, and gets no tokens until it is enabled.
        token_lifetime: seconds.
        expires_at: the first second at which it gets no tokens, None: it has no end.
        labels: keys and values.
    """

    name: str
    locked: bool | None
    products: tuple[str, ...]
    account_id: str | None = None
    client_type: ClientType = ClientType.STANDARD
    resources: tuple[str, ...] = ()
    client_owner: str | None = None
    enabled: bool = True
    token_lifetime: int = DEFAULT_TOKEN_LIFETIME
    expires_at: int | None = None
    labels: tuple[tuple[str, str], ...] = ()


class CreatedClient(Struct, frozen=True):
    """A new client and, this once, its secret. The secret is in no repr."""

    client: Client
    client_secret: str

    def __repr__(self) -> str:
        return f"CreatedClient(client={self.client!r})"


class ClientRegistry:
    """Operations on clients."""

    def __init__(
        self, storage: Storage, clock: Clock, random: Random, pepper: Pepper, catalogue: Catalogue, secret_prefix: str
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._random = random
        self._pepper = pepper
        self._catalogue = catalogue
        self._secret_prefix = secret_prefix

    async def list(self, caller: Caller, wanted: ClientFilter, page: PageRequest) -> Listing[Client]:
        """Return a page of the clients that the caller may see, newest first.

        Raises:
            AccessDenied: the caller is no admin client with `clients:read`.
        """
        caller.require(CLIENTS_READ)
        narrowed = structs.replace(wanted, within=caller.root)

        async def permit(snapshot: Snapshot) -> None:
            await ensure_still_valid(caller, snapshot, self._clock.now())

        listed = Listed(narrowed, lambda snapshot: snapshot.clients, client_position, permit)
        return await open_listing(self._storage, listed, page)

    async def get(self, caller: Caller, client_id: str) -> Client:
        """Return one client, also a disabled one.

        Raises:
            AccessDenied: the caller is no admin client with `clients:read`.
            NotFound: there is none, or not in the caller's tree.
        """
        caller.require(CLIENTS_READ)
        client = await self._storage.registered(client_id) if is_id(CLIENT_PREFIX, client_id) else None
        return visible_client(caller, client)

    async def create(self, caller: Caller, new: NewClient) -> CreatedClient:
        """Create a client with its first secret, which is returned this once.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`.
            BadRequest: a field is not what it must be.
            NotFound: the account is not in the caller's tree, or nowhere.
        """
        caller.require(CLIENTS_WRITE)
        new = structs.replace(
            new,
            name=clean_text("name", new.name),
            products=clean_products("scopes.products", new.products, self._grantable(caller)),
            labels=relabelled((), dict(new.labels)),
        )
        occasion = draw_occasion(self._clock, self._random)
        if new.expires_at is not None:
            ensure_future("expires_at", new.expires_at, occasion.now)
        client_id = new_id(CLIENT_PREFIX, self._clock, self._random)
        drawn = draw_secret(client_id, self._secret_prefix, int(occasion.now), self._clock, self._random)
        about = Target(account_id=caller.root if new.account_id is None else new.account_id)

        async def body(transaction: Transaction) -> CreatedClient:
            account = await account_in_tree(caller, transaction, "account_id", new.account_id)
            client = _born(client_id, account, new, int(occasion.now))
            ensure_holds(caller, client.resources)
            await transaction.clients.add(client)
            await transaction.secrets.add(await drawn.sealed(transaction, self._pepper))
            deed = deed_on_client("client.create", client, None, client)
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return CreatedClient(client, drawn.client_secret)

        return await operation.change(self._storage, caller, occasion, about, body)

    async def update(
        self, caller: Caller, client_id: str, change: ClientChange, if_match: frozenset[int] | None = None
    ) -> Client:
        """Change a client and return it.

        Args:
            caller: who asks.
            client_id: which client.
            change: what to set.
            if_match: the versions that the client may have, None: any.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`; or the client would be enabled, prolonged or get
                another owner, and the caller's token lacks a global resource of it.
            NotFound: there is no such client, or not in the caller's tree.
            PreconditionFailed: it has another version.
            Conflict: it is locked; or would be disabled or end and is the caller itself or the last that can manage its account
                (see `keep_an_admin`); or it has expired and would be enabled.
            BadRequest: products were set that cannot be, or too many labels.
        """
        caller.require(CLIENTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)

        async def body(transaction: Transaction) -> Client:
            old = await existing_client(caller, transaction, client_id, if_match)
            self._check_products(caller, old, change)
            if change.enabled is False and caller.actor == client_id:
                raise Conflict("A client cannot disable itself. Use another admin client.")
            if isinstance(change.expires_at, int) and caller.actor == client_id:
                raise Conflict("A client cannot set its own end. Use another admin client.")
            if isinstance(change.expires_at, int):
                ensure_future("expires_at", change.expires_at, occasion.now)
            new = changed(old, change, await occasion.stop(transaction))
            if empowers(old, new):
                ensure_holds(caller, new.resources)
            # Also where nothing differs: what was found may be the first try of this very request, which no replica has yet.
            # Only a transaction that writes waits for one.
            await transaction.clients.replace(old, new)
            if not new.enabled or new.expires_at is not None:
                await keep_an_admin(caller, transaction, old)
            if new is not old:
                deed = deed_on_client("client.update", new, old, new)
                await transaction.audit_events.append(audited(caller, deed, occasion))
            return new

        return await operation.change(self._storage, caller, occasion, Target(client_id), body)

    async def revoke_tokens(self, caller: Caller, client_id: str, if_match: frozenset[int] | None = None) -> Client:
        """Cut off every access token that the client has been issued, also while it is locked; it can get new ones at once.

        Raises:
            AccessDenied: the caller is no admin client with `clients:write`.
            NotFound: there is no such client, or not in the caller's tree.
            PreconditionFailed: it has another version.
        """
        caller.require(CLIENTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)

        async def body(transaction: Transaction) -> Client:
            old = await existing_client(caller, transaction, client_id, if_match)
            new = tokens_revoked(old, await occasion.stop(transaction))
            await transaction.clients.replace(old, new)
            deed = deed_on_client("client.revoke_tokens", new, old, new)
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return new

        return await operation.change(self._storage, caller, occasion, Target(client_id), body)

    def _grantable(self, caller: Caller) -> tuple[str, ...]:
        """Return the products that the caller may grant, of those that are granted today."""
        return tuple(name for name in caller.products(self._catalogue) if name in self._catalogue.grantable)

    def _check_products(self, caller: Caller, client: Client, change: ClientChange) -> None:
        if not isinstance(change.products, tuple):
            return
        if client.client_type is ClientType.ADMIN:
            raise BadRequest("scopes cannot be set: an admin client holds every product.")
        kept = tuple(name for name in client.products if name not in self._catalogue.grantable)
        clean_products("scopes.products", change.products, self._grantable(caller) + kept)


def _born(client_id: str, account: Account, new: NewClient, now: int) -> Client:
    return Client(
        client_id=client_id,
        account_id=account.account_id,
        account_path=account.path,
        name=new.name,
        client_owner=account.owner_email if new.client_owner is None else new.client_owner,
        client_type=new.client_type,
        locked=new.locked,
        enabled=new.enabled,
        products=new.products,
        resources=new.resources,
        token_lifetime=new.token_lifetime,
        date_created=now,
        expires_at=new.expires_at,
        labels=new.labels,
    )
