"""`/v1/clients/{client_id}/secrets`: translates requests into operations on secrets, and what they return into answers."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from clientry.errors import BadRequest
from clientry.http.api.clients import client_answer
from clientry.http.api.etags import if_match
from clientry.http.api.representations import created_secret_body, encode, shown_secret_body
from clientry.http.bodies import JSON_TYPES, read_json
from clientry.http.exchange import JSON, NO_STORE, Answer, Receive, Scope
from clientry.records.caller import Caller, answering
from clientry.records.field import clean_duration, clean_moment
from clientry.records.product import Catalogue
from clientry.records.secret import MAX_OVERLAP, MIN_SILENCE
from clientry.registry.secrets import Contained, CreatedSecret, NewSecret, SecretRegistry

CREATION: Final = "creation"
FIRST_USE: Final = "first_use"


class CreateSecret(Struct, frozen=True, forbid_unknown_fields=True):
    """How a secret is created: the others always get an end."""

    others_end_after: int | str
    others_end_counted_from: str = CREATION
    others_end_when_silent_for: int | str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET


class ContainClient(Struct, frozen=True, forbid_unknown_fields=True):
    """How a client is contained: whether it gets a new secret."""

    new_secret: bool = False


class SecretHandlers:
    """The handlers of a client's secrets."""

    def __init__(self, registry: SecretRegistry, catalogue: Catalogue, body_timeout: float) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._body_timeout = body_timeout

    async def list(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `GET /v1/clients/{client_id}/secrets`: at most two, so there are no pages."""
        secrets = await self._registry.list(caller, scope["path_params"]["client_id"])
        body = b'{"secrets":' + encode([shown_secret_body(one) for one in secrets]) + b"}"
        return Answer(200, JSON + NO_STORE, body)

    async def create(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `POST /v1/clients/{client_id}/secrets`."""
        body = await read_json(scope, receive, CreateSecret, self._body_timeout, JSON_TYPES)
        new = _new_secret(body)
        client_id = scope["path_params"]["client_id"]
        return _created(await self._registry.create(answering(caller, _created), client_id, new))

    async def delete(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `DELETE /v1/clients/{client_id}/secrets/{secret_id}`."""
        parameters = scope["path_params"]
        await self._registry.delete(caller, parameters["client_id"], parameters["secret_id"])
        return Answer(204, NO_STORE)

    async def contain(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `POST /v1/clients/{client_id}/contain`: with the new secret where one was asked for, else with the client."""
        body = await read_json(scope, receive, ContainClient, self._body_timeout, JSON_TYPES, absent=ContainClient())
        client_id = scope["path_params"]["client_id"]
        asking = answering(caller, self._contained)
        return self._contained(
            await self._registry.contain(asking, client_id, new_secret=body.new_secret, if_match=if_match(scope))
        )

    def _contained(self, contained: Contained) -> Answer:
        if contained.created is None:
            return client_answer(contained.client, self._catalogue)
        return _created(contained.created)


def _new_secret(body: CreateSecret) -> NewSecret:
    if body.others_end_counted_from not in {CREATION, FIRST_USE}:
        raise BadRequest(f"others_end_counted_from must be {CREATION} or {FIRST_USE}.")
    silence, expires_at = body.others_end_when_silent_for, body.expires_at
    return NewSecret(
        others_end_after=clean_duration("others_end_after", body.others_end_after, 0, MAX_OVERLAP),
        from_first_use=body.others_end_counted_from == FIRST_USE,
        others_silence=None
        if isinstance(silence, UnsetType)
        else clean_duration("others_end_when_silent_for", silence, MIN_SILENCE, MAX_OVERLAP),
        expires_at=clean_moment("expires_at", expires_at) if isinstance(expires_at, str) else None,
    )


def _created(created: CreatedSecret) -> Answer:
    return Answer(201, JSON + NO_STORE, encode(created_secret_body(created)))
