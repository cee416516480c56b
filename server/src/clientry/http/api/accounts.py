"""`/v1/accounts`: translates requests into operations of the account registry, and what they return into answers."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from clientry.errors import BadRequest
from clientry.http.api.etags import etag, if_match
from clientry.http.api.pagination import ListQuery, Pager, read_query
from clientry.http.api.representations import account_body, encode
from clientry.http.bodies import JSON_TYPES, MERGE_PATCH_TYPES, read_json
from clientry.http.exchange import JSON, NO_STORE, Answer, Headers, Receive, Scope
from clientry.records.account import Account, AccountChange, AccountStatus
from clientry.records.caller import Caller, answering
from clientry.records.field import clean_email, clean_text
from clientry.registry.accounts import AccountRegistry, NewAccount
from clientry.storage import AccountFilter

FILTERS: Final = frozenset({"parent_id", "status", "friendly_name", "owner_email"})


class CreateAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """What an account is created from."""

    friendly_name: str
    owner_email: str
    parent_id: str | UnsetType = UNSET


class UpdateAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON merge patch (RFC 7396) of what may be changed. Nothing here can be removed, so null is no value."""

    friendly_name: str | UnsetType = UNSET
    owner_email: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class AccountHandlers:
    """The handlers of `/v1/accounts`."""

    def __init__(self, registry: AccountRegistry, pager: Pager, public_url: str, body_timeout: float) -> None:
        self._registry = registry
        self._pager = pager
        self._public_url = public_url
        self._body_timeout = body_timeout

    async def list(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `GET /v1/accounts`."""
        query = read_query(scope, FILTERS, caller.root)
        listing = await self._registry.list(caller, _filter(query), self._pager.page(query))
        return await self._pager.answer(query, listing, "accounts", account_body)

    async def create(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `POST /v1/accounts`."""
        body = await read_json(scope, receive, CreateAccount, self._body_timeout, JSON_TYPES)
        parent_id = body.parent_id if isinstance(body.parent_id, str) else None
        new = NewAccount(body.friendly_name, body.owner_email, parent_id)
        return self._created(await self._registry.create(answering(caller, self._created), new))

    async def get(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `GET /v1/accounts/{account_id}`."""
        return _one(await self._registry.get(caller, scope["path_params"]["account_id"]))

    async def update(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `PATCH /v1/accounts/{account_id}`."""
        body = await read_json(scope, receive, UpdateAccount, self._body_timeout, MERGE_PATCH_TYPES)
        account_id = scope["path_params"]["account_id"]
        return _one(await self._registry.update(caller, account_id, _change(body), if_match(scope)))

    async def revoke_tokens(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `POST /v1/accounts/{account_id}/revoke_tokens`; a body is not read."""
        account_id = scope["path_params"]["account_id"]
        return _one(await self._registry.revoke_tokens(answering(caller, _one), account_id, if_match(scope)))

    async def delete(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `DELETE /v1/accounts/{account_id}`."""
        await self._registry.delete(caller, scope["path_params"]["account_id"], if_match(scope))
        return Answer(204, NO_STORE)

    def _created(self, account: Account) -> Answer:
        location = f"{self._public_url}/v1/accounts/{account.account_id}".encode()
        return _one(account, 201, ((b"location", location),))


def _one(account: Account, status: int = 200, more: Headers = ()) -> Answer:
    body = b'{"account":' + encode(account_body(account)) + b"}"
    return Answer(status, JSON + NO_STORE + etag(account.version) + more, body)


def _filter(query: ListQuery) -> AccountFilter:
    query.refuse_blank_filters()
    given = query.filters
    return AccountFilter(
        within=query.root,
        parent_id=given.get("parent_id"),
        status=_status(given["status"]) if "status" in given else None,
        friendly_name=given.get("friendly_name"),
        owner_email=given.get("owner_email"),
    )


def _change(body: UpdateAccount) -> AccountChange:
    return AccountChange(
        friendly_name=clean_text("friendly_name", body.friendly_name) if isinstance(body.friendly_name, str) else UNSET,
        owner_email=clean_email("owner_email", body.owner_email) if isinstance(body.owner_email, str) else UNSET,
        status=_status(body.status) if isinstance(body.status, str) else UNSET,
    )


def _status(text: str) -> AccountStatus:
    if text not in set(AccountStatus):
        raise BadRequest("status must be ACTIVE or SUSPENDED.")
    return AccountStatus(text)
