"""Records as JSON, every field written out by name: what is not named here is in no answer."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType, json

from clientry.clock import rfc3339
from clientry.records.account import Account
from clientry.records.client import Client, ClientType, products_held
from clientry.records.product import Catalogue
from clientry.registry.clients import CreatedClient
from clientry.registry.secrets import CreatedSecret, ShownSecret

SHOWN_ONCE: Final = "The client was created. Its secret is shown this once and cannot be shown again: store it now."
SECRET_SHOWN_ONCE: Final = "The secret was created. It is shown this once and cannot be shown again: store it now."
LOCKED: Final = " It is locked: a lock protects it from changes and does not stop it; to stop it, disable it."


class Scopes(Struct, frozen=True):
    """What a client is registered for; `resources`, the global resources, for admin clients only."""

    products: tuple[str, ...]
    resources: tuple[str, ...] | UnsetType = UNSET


class ClientBody(Struct, frozen=True):
    """`Client` of the published document, and our additions from `enabled` on; the last two of deleted clients only."""

    client_id: str
    account_id: str
    name: str
    client_owner: str
    client_type: str
    locked: bool | None
    date_created: str
    enabled: bool
    scopes: Scopes
    token_lifetime: int
    expires_at: str | None
    labels: dict[str, str]
    date_deleted: str | UnsetType = UNSET
    restorable_until: str | UnsetType = UNSET


class CreatedBody(Struct, frozen=True):
    """`201CreateClient` of the published document. It holds a secret, and is in no repr."""

    message: str
    client_id: str
    client_secret: str
    client_type: str
    account_id: str
    name: str
    date_created: str
    client_owner: str
    locked: bool | None

    def __repr__(self) -> str:
        return f"CreatedBody(client_id={self.client_id!r})"


class LastUse(Struct, frozen=True):
    """The last use of a secret that was written: uses are written about once a second."""

    at: str
    address: str
    user_agent: str


class ShownSecretBody(Struct, frozen=True):
    """A secret with how it ends by itself, and how it is used."""

    secret_id: str
    hint: str
    date_created: str
    expires_at: str | None
    ends_after_first_use_of_newer: int | None
    ends_when_silent_for: int | None
    last_used: LastUse | None
    uses_last_24_hours: int
    safe_to_retire: bool
    reason: str


class CreatedSecretBody(Struct, frozen=True):
    """A new secret, shown this once, and in no repr."""

    message: str
    client_id: str
    secret_id: str
    client_secret: str
    hint: str
    date_created: str
    expires_at: str | None

    def __repr__(self) -> str:
        return f"CreatedSecretBody(secret_id={self.secret_id!r})"


class AccountBody(Struct, frozen=True):
    """One account."""

    id: str
    parent_id: str | None
    friendly_name: str
    owner_email: str
    status: str
    date_created: str


class Meta(Struct, frozen=True):
    """Where a page stands: `count` is the size of the whole result; the URLs are absolute, or empty."""

    count: int
    page_number: int
    page_size: int
    previous_page_url: str
    next_page_url: str


def client_body(client: Client, catalogue: Catalogue, restorable_until: int | None = None) -> ClientBody:
    """Return a client as the API shows it; a deleted one with the second until which it can be restored."""
    admin = client.client_type is ClientType.ADMIN
    return ClientBody(
        client_id=client.client_id,
        account_id=client.account_id,
        name=client.name,
        client_owner=client.client_owner,
        client_type=client.client_type.value,
        locked=client.locked,
        date_created=rfc3339(client.date_created),
        enabled=client.enabled,
        scopes=Scopes(products_held(client, catalogue), client.resources if admin else UNSET),
        token_lifetime=client.token_lifetime,
        expires_at=None if client.expires_at is None else rfc3339(client.expires_at),
        labels=dict(client.labels),
        date_deleted=UNSET if client.deleted_at is None else rfc3339(client.deleted_at),
        restorable_until=UNSET if restorable_until is None else rfc3339(restorable_until),
    )


def created_body(created: CreatedClient) -> CreatedBody:
    """Return a new client with its secret as the API shows it, this once."""
    client = created.client
    return CreatedBody(
        message=SHOWN_ONCE + (LOCKED if client.locked else ""),
        client_id=client.client_id,
        client_secret=created.client_secret,
        client_type=client.client_type.value,
        account_id=client.account_id,
        name=client.name,
        date_created=rfc3339(client.date_created),
        client_owner=client.client_owner,
        locked=client.locked,
    )


def shown_secret_body(shown: ShownSecret) -> ShownSecretBody:
    """Return a secret with its use as the API shows it."""
    used, secret = shown.used, shown.used.kept
    return ShownSecretBody(
        secret_id=secret.secret_id,
        hint=secret.hint,
        date_created=rfc3339(secret.date_created),
        expires_at=None if secret.expires_at is None else rfc3339(secret.expires_at),
        ends_after_first_use_of_newer=secret.grace,
        ends_when_silent_for=secret.silence,
        last_used=None
        if used.last_used_at is None
        else LastUse(rfc3339(used.last_used_at), used.last_used_address or "", used.last_used_agent or ""),
        uses_last_24_hours=used.uses_last_day,
        safe_to_retire=shown.verdict.safe,
        reason=shown.verdict.reason,
    )


def created_secret_body(created: CreatedSecret) -> CreatedSecretBody:
    """Return a new secret as the API shows it, this once."""
    kept = created.kept
    return CreatedSecretBody(
        message=SECRET_SHOWN_ONCE,
        client_id=kept.client_id,
        secret_id=kept.secret_id,
        client_secret=created.client_secret,
        hint=kept.hint,
        date_created=rfc3339(kept.date_created),
        expires_at=None if kept.expires_at is None else rfc3339(kept.expires_at),
    )


def account_body(account: Account) -> AccountBody:
    """Return an account as the API shows it."""
    return AccountBody(
        id=account.account_id,
        parent_id=account.parent_id,
        friendly_name=account.friendly_name,
        owner_email=account.owner_email,
        status=account.status.value,
        date_created=rfc3339(account.date_created),
    )


encode = json.Encoder().encode
