"""`/v1/accounts`: translates requests into operations of the account registry, and what they return into answers."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from clientry.account_registry import AccountRegistry, NewAccount
from clientry.caller import Caller
from clientry.http.bodies import JSON_TYPES, read_json
from clientry.http.exchange import JSON, NO_STORE, Answer, Receive, Scope
from clientry.http.pagination import Pager, read_query
from clientry.http.representations import account_body, encode

FILTERS: Final[frozenset[str]] = frozenset()


class CreateAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """What an account is created from."""

    friendly_name: str
    owner_email: str
    parent_id: str | UnsetType = UNSET


class AccountHandlers:
    """The handlers of `/v1/accounts`."""

    def __init__(self, registry: AccountRegistry, pager: Pager, body_timeout: float) -> None:
        self._registry = registry
        self._pager = pager
        self._body_timeout = body_timeout

    async def list(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `GET /v1/accounts`."""
        query = read_query(scope, FILTERS, caller.root)
        listing = await self._registry.list(caller, self._pager.page(query))
        return await self._pager.answer(query, listing, "accounts", account_body)

    async def create(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `POST /v1/accounts`."""
        body = await read_json(scope, receive, CreateAccount, self._body_timeout, JSON_TYPES)
        parent_id = body.parent_id if isinstance(body.parent_id, str) else None
        account = await self._registry.create(caller, NewAccount(body.friendly_name, body.owner_email, parent_id))
        return Answer(201, JSON + NO_STORE, b'{"account":' + encode(account_body(account)) + b"}")
