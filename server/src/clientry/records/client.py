"""API clients: one machine-to-machine integration each, and the pure rules about them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import UNSET, Struct, UnsetType, structs

from clientry.errors import BadRequest, Conflict
from clientry.records.account import SUSPENDED_CUTOFF, Account
from clientry.records.mark import Stop
from clientry.records.product import Catalogue

DEFAULT_TOKEN_LIFETIME: Final = 3600
MIN_TOKEN_LIFETIME: Final = 300
MAX_TOKEN_LIFETIME: Final = 63_072_000
TOKEN_LIFETIME_PRESETS: Final = {"1h": 3600, "24h": 86_400, "30d": 2_592_000, "24mo": 63_072_000}
"""Seconds, by the name that people choose."""
MAX_LABELS: Final = 32


class ClientType(StrEnum):
    """What a client may use: admin clients the registry and every product, standard clients products only."""

    ADMIN = "admin"
    STANDARD = "standard"


class Client(Struct, frozen=True):
    """One API client. It does not carry its secret: what is not here cannot leak by omission.

    Attributes:
        client_id: its identifier, never used again after deletion.
        account_id: the account that it belongs to.
        account_path: the ids from the root account to `account_id`, both included.
        name: what people call it.
        client_owner: the e-mail address of the person who answers for it.
        client_type: admin or standard.
        locked: True protects it from changes, False does not, None: it was never locked.
        enabled: False stops it.
        products: the product scopes that were granted; an admin client holds every configured product besides.
        resources: the global-resource scopes that were granted, admin clients only.
        token_lifetime: seconds that its access tokens live.
        date_created: seconds since 1970-01-01T00:00:00Z.
        tokens_valid_from: access tokens without marks whose `iat` is before this second are dead.
        version: grows by one with every change.
        expires_at: the first second at which it gets no tokens and no answers, None: it has no end.
        labels: pairs of key and value, in the order of the keys.
        salt: what its mark is made from beside its id; empty where it was never stopped.
        scope_salts: the salts of the scopes that were ever taken away from it, by scope.
        account_cutoff: the latest cutoff of the accounts on its path; read with one client, 0 in lists, never written.
        account_salts: the salts of the accounts on its path, none at all where no account has one; read in the same way.
        deleted_at: the second at which it was deleted, None: it was not; read in lists of deleted clients, never written.
    """

    client_id: str
    account_id: str
    account_path: tuple[str, ...]
    name: str
    client_owner: str
    client_type: ClientType
    locked: bool | None
    enabled: bool
    products: tuple[str, ...]
    resources: tuple[str, ...]
    token_lifetime: int
    date_created: int
    tokens_valid_from: int = 0
    version: int = 1
    expires_at: int | None = None
    labels: tuple[tuple[str, str], ...] = ()
    salt: str = ""
    scope_salts: tuple[tuple[str, str], ...] = ()
    account_cutoff: int = 0
    account_salts: tuple[str, ...] = ()
    deleted_at: int | None = None

    @property
    def cutoff(self) -> int:
        """Access tokens without marks whose `iat` is before this second are dead, by the client's own cut-off or an account's."""
        return max(self.tokens_valid_from, self.account_cutoff)

    @property
    def is_salted(self) -> bool:
        """Whether it, a scope of it or an account on its path was stopped since tokens carry marks."""
        return bool(self.salt or self.scope_salts or self.account_salts)

    @property
    def suspended(self) -> bool:
        """Whether an account on its path is suspended."""
        return self.account_cutoff >= SUSPENDED_CUTOFF

    @property
    def stops(self) -> tuple[object, ...]:
        """All that changes when it, a scope of it, or an account on its path is stopped."""
        return self.tokens_valid_from, self.salt, self.scope_salts, self.account_cutoff, self.account_salts

    def beside(self, account: Account) -> "Client":
        """Return the same with what stops it on the path of an account below its own."""
        return structs.replace(self, account_cutoff=account.path_cutoff, account_salts=account.path_salts)

    def is_active(self, now: float) -> bool:
        """Tell whether it may act, as far as the client itself goes."""
        return self.enabled and not self.has_expired(now)

    def has_expired(self, now: float) -> bool:
        """Tell whether its end has come."""
        return self.expires_at is not None and now >= self.expires_at


def products_held(client: Client, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the products that the client may use today, in the catalogue's order.

    An admin client holds every configured product, also one configured after it was made; a product that is
    configured no longer is held by nobody.
    """
    if client.client_type is ClientType.ADMIN:
        return catalogue.names
    return tuple(name for name in catalogue.names if name in client.products)


def scopes_held(client: Client, catalogue: Catalogue) -> tuple[str, ...]:
    """Return every scope that the client may ask for, in canonical order: global resources, then products."""
    return client.resources + products_held(client, catalogue)


class ClientChange(Struct, frozen=True):
    """What an update sets; what is UNSET stays as it is. The values are clean already.

    `labels` holds those that are set and, with None, those that are removed; None removes all (RFC 7396).
    """

    name: str | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    products: tuple[str, ...] | UnsetType = UNSET
    client_owner: str | UnsetType = UNSET
    token_lifetime: int | UnsetType = UNSET
    expires_at: int | UnsetType | None = UNSET
    labels: Mapping[str, str | None] | UnsetType | None = UNSET


def changed(client: Client, change: ClientChange, stop: Stop) -> Client:
    """Return the client as it is after a change, the very same one where nothing differs.

    While a client is locked it can be unlocked, by that alone, and it can be disabled, so that a leak is stopped at once;
    it keeps working all the while. Tokens from before it was disabled stay dead when it is enabled. So do those from before its
    end is put off: some may have been issued before it had this end, and whether it has passed is seen by clocks, which differ.
    A scope that is taken away is dead in the tokens from before, also when it is given back.

    Raises:
        Conflict: the client is locked, and this is another change; or it has expired and would be enabled.
        BadRequest: it would have too many labels.
    """
    wanted = {field: value for field, value in structs.asdict(change).items() if value is not UNSET}
    if "labels" in wanted:
        wanted["labels"] = relabelled(client.labels, wanted["labels"])
    differing = {field for field, value in wanted.items() if getattr(client, field) != value}
    if not differing:
        return client
    stops_or_unlocks = differing == {"locked"} or (differing == {"enabled"} and client.enabled)
    if client.locked and not stops_or_unlocks:
        raise locked_conflict()
    new = structs.replace(client, version=client.version + 1, **wanted)
    if new.enabled and not client.enabled and new.has_expired(stop.at):
        raise Conflict("The client has expired. Set expires_at to a later time, or to null, together with enabled.")
    if new.enabled is not client.enabled or _is_put_off(client.expires_at, new.expires_at):
        new = _stopped(new, stop)
    return scopes_stopped(client, new, stop)


def empowers(old: Client, new: Client) -> bool:
    """Tell whether a change revives or prolongs what a client may do, or puts it into other hands (ruling 18)."""
    revived = new.enabled and not old.enabled
    return revived or _is_put_off(old.expires_at, new.expires_at) or new.client_owner != old.client_owner


def tokens_revoked(client: Client, stop: Stop) -> Client:
    """Return the client with every token dead that it was issued so far."""
    return structs.replace(_stopped(client, stop), version=client.version + 1)


def restored(client: Client, stop: Stop) -> Client:
    """Return a deleted client as it comes back: as it was, but every token from before stays dead."""
    return tokens_revoked(client, stop)


def scopes_stopped(old: Client, new: Client, stop: Stop) -> Client:
    """Return the client with the scopes dead, in the tokens that it was issued so far, which a change takes away.

    Tokens without marks say nothing about single scopes: all of them are cut off, also when scopes are given, because a node of the
    version before may have taken them away.
    """
    before, after = ({*client.products, *client.resources} for client in (old, new))
    if before == after:
        return new
    salts = dict(new.scope_salts)
    if stop.salt:
        salts |= dict.fromkeys(before - after, stop.salt)
    cutoff = max(new.tokens_valid_from, stop.cutoff)
    return structs.replace(new, tokens_valid_from=cutoff, scope_salts=tuple(sorted(salts.items())))


def _stopped(client: Client, stop: Stop) -> Client:
    cutoff = max(client.tokens_valid_from, stop.cutoff)
    return structs.replace(client, tokens_valid_from=cutoff, salt=stop.salt or client.salt)


def _is_put_off(old: int | None, new: int | None) -> bool:
    return old is not None and (new is None or new > old)


def relabelled(
    labels: tuple[tuple[str, str], ...], patch: Mapping[str, str | None] | None
) -> tuple[tuple[str, str], ...]:
    """Return labels after a merge patch, in the order of the keys: None removes one, or all.

    Raises:
        BadRequest: there would be too many.
    """
    merged = {} if patch is None else {**dict(labels), **patch}
    kept = tuple(sorted((key, value) for key, value in merged.items() if value is not None))
    if len(kept) > MAX_LABELS:
        raise BadRequest(f"labels: a client has at most {MAX_LABELS}.")
    return kept


def locked_conflict() -> Conflict:
    """Return the refusal of a change to a locked client."""
    return Conflict(
        'The client is locked. Unlock it first, with {"locked": false} alone. '
        'While it is locked it can still be disabled, with {"enabled": false} alone.'
    )
