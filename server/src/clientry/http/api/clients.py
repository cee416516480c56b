"""`/v1/clients`: translates requests into operations of the client registry, and what they return into answers."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from clientry.errors import BadRequest
from clientry.http.api.etags import etag, if_match
from clientry.http.api.pagination import ListQuery, Pager, read_query
from clientry.http.api.representations import ClientBody, client_body, created_body, encode
from clientry.http.bodies import JSON_TYPES, MERGE_PATCH_TYPES, read_json
from clientry.http.exchange import JSON, NO_STORE, Answer, Receive, Scope
from clientry.records.caller import Caller, answering
from clientry.records.client import DEFAULT_TOKEN_LIFETIME, Client, ClientChange, ClientType, relabelled
from clientry.records.field import (
    clean_email,
    clean_label_filter,
    clean_labels,
    clean_moment,
    clean_text,
    clean_token_lifetime,
)
from clientry.records.product import Catalogue
from clientry.registry.client_life import ClientLifecycle
from clientry.registry.clients import ClientRegistry, CreatedClient, NewClient
from clientry.storage import ClientFilter, ClientStatus

FILTERS: Final = frozenset({"client_type", "account_id", "name", "client_owner", "status", "labels"})


class ScopesField(Struct, frozen=True, forbid_unknown_fields=True):
    """`scopes` of a request."""

    products: tuple[str, ...] = ()


class CreateClient(Struct, frozen=True, forbid_unknown_fields=True):
    """`CreateClient` of the published document, and our additions from `enabled` on (D9)."""

    name: str
    locked: bool | None
    scopes: ScopesField
    account_id: str | UnsetType = UNSET
    enabled: bool = True
    client_owner: str | UnsetType = UNSET
    token_lifetime: int | str | UnsetType = UNSET
    expires_at: str | None = None
    labels: dict[str, str] | None = None


class UpdateClient(Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON merge patch (RFC 7396) of what may be changed; null removes an end, or labels, and is no value elsewhere."""

    name: str | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    scopes: ScopesField | UnsetType = UNSET
    client_owner: str | UnsetType = UNSET
    token_lifetime: int | str | UnsetType = UNSET
    expires_at: str | UnsetType | None = UNSET
    labels: dict[str, str | None] | UnsetType | None = UNSET


class ClientHandlers:
    """The handlers of `/v1/clients`."""

    def __init__(
        self,
        registry: ClientRegistry,
        lifecycle: ClientLifecycle,
        catalogue: Catalogue,
        pager: Pager,
        public_url: str,
        body_timeout: float,
    ) -> None:
        self._registry = registry
        self._lifecycle = lifecycle
        self._catalogue = catalogue
        self._pager = pager
        self._public_url = public_url
        self._body_timeout = body_timeout

    async def list(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `GET /v1/clients`."""
        query = read_query(scope, FILTERS, caller.root)
        wanted = _filter(query)
        find = self._lifecycle.list_deleted if wanted.status is ClientStatus.DELETED else self._registry.list
        listing = await find(caller, wanted, self._pager.page(query))

        def body(client: Client) -> ClientBody:
            return client_body(client, self._catalogue, self._lifecycle.restorable_until(client))

        return await self._pager.answer(query, listing, "clients", body)

    async def create(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `POST /v1/clients`."""
        body = await read_json(scope, receive, CreateClient, self._body_timeout, JSON_TYPES)
        return self._created(await self._registry.create(answering(caller, self._created), _new_client(body)))

    async def get(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `GET /v1/clients/{client_id}`."""
        return self._one(await self._registry.get(caller, scope["path_params"]["client_id"]))

    async def update(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `PATCH /v1/clients/{client_id}`."""
        body = await read_json(scope, receive, UpdateClient, self._body_timeout, MERGE_PATCH_TYPES)
        change = _change(body)
        return self._one(
            await self._registry.update(caller, scope["path_params"]["client_id"], change, if_match(scope))
        )

    async def delete(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `DELETE /v1/clients/{client_id}`."""
        await self._lifecycle.delete(caller, scope["path_params"]["client_id"], if_match(scope))
        return Answer(204, NO_STORE)

    async def restore(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `POST /v1/clients/{client_id}/restore`; a body is not read."""
        client_id = scope["path_params"]["client_id"]
        return self._one(await self._lifecycle.restore(answering(caller, self._one), client_id))

    async def revoke_tokens(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `POST /v1/clients/{client_id}/revoke_tokens`; a body is not read."""
        client_id = scope["path_params"]["client_id"]
        return self._one(await self._registry.revoke_tokens(answering(caller, self._one), client_id, if_match(scope)))

    def _created(self, created: CreatedClient) -> Answer:
        location = f"{self._public_url}/v1/clients/{created.client.client_id}".encode()
        headers = JSON + NO_STORE + etag(created.client.version) + ((b"location", location),)
        return Answer(201, headers, encode(created_body(created)))

    def _one(self, client: Client) -> Answer:
        return client_answer(client, self._catalogue)


def client_answer(client: Client, catalogue: Catalogue) -> Answer:
    """Return one client, with its version as an entity tag."""
    body = b'{"client":' + encode(client_body(client, catalogue)) + b"}"
    return Answer(200, JSON + NO_STORE + etag(client.version), body)


def _filter(query: ListQuery) -> ClientFilter:
    given = query.filters
    query.refuse_blank_filters()
    client_type = given.get("client_type")
    if client_type is not None and client_type not in set(ClientType):
        raise BadRequest("client_type must be admin or standard.")
    status = given.get("status", ClientStatus.ACTIVE.value)
    if status not in set(ClientStatus):
        raise BadRequest("status must be active, disabled, any or deleted.")
    return ClientFilter(
        within=query.root,
        account_id=given.get("account_id"),
        client_type=None if client_type is None else ClientType(client_type),
        status=ClientStatus(status),
        name=given.get("name"),
        client_owner=given.get("client_owner"),
        labels=clean_label_filter("labels", given["labels"]) if "labels" in given else (),
    )


def _new_client(body: CreateClient) -> NewClient:
    owner, lifetime = body.client_owner, body.token_lifetime
    return NewClient(
        name=body.name,
        locked=body.locked,
        products=body.scopes.products,
        account_id=body.account_id if isinstance(body.account_id, str) else None,
        client_owner=clean_email("client_owner", owner) if isinstance(owner, str) else None,
        enabled=body.enabled,
        token_lifetime=DEFAULT_TOKEN_LIFETIME if isinstance(lifetime, UnsetType) else _lifetime(lifetime),
        expires_at=None if body.expires_at is None else clean_moment("expires_at", body.expires_at),
        labels=relabelled((), clean_labels("labels", body.labels or {})),
    )


def _lifetime(value: int | str) -> int:
    return clean_token_lifetime("token_lifetime", value)


def _change(body: UpdateClient) -> ClientChange:
    return ClientChange(
        name=clean_text("name", body.name) if isinstance(body.name, str) else UNSET,
        locked=body.locked,
        enabled=body.enabled,
        products=tuple(dict.fromkeys(body.scopes.products)) if isinstance(body.scopes, ScopesField) else UNSET,
        client_owner=clean_email("client_owner", body.client_owner) if isinstance(body.client_owner, str) else UNSET,
        token_lifetime=UNSET if isinstance(body.token_lifetime, UnsetType) else _lifetime(body.token_lifetime),
        expires_at=(
            clean_moment("expires_at", body.expires_at) if isinstance(body.expires_at, str) else body.expires_at
        ),
        labels=clean_labels("labels", body.labels) if isinstance(body.labels, dict) else body.labels,
    )
