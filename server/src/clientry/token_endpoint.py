"""The token endpoint (RFC 6749 section 4.4): who asks, may it, for what, and then a signed access token.

`TokenEndpoint.issue` is the whole of it, in numbered steps.
"""

import asyncio
from typing import Final

import structlog
from msgspec import Struct

from clientry import access_token, secret
from clientry.access_token import Issuer
from clientry.client import Client, scopes_held
from clientry.clock import Clock
from clientry.identifier import CLIENT_PREFIX, is_id
from clientry.oauth2 import (
    GRANT_CLIENT_CREDENTIALS,
    TOKEN_TYPE_BEARER,
    InvalidClient,
    InvalidRequest,
    UnsupportedGrantType,
)
from clientry.randomness import Random
from clientry.scope import format_scope, grant
from clientry.secret import Pepper
from clientry.signing_key import KeyRing
from clientry.storage import Storage

FAILURE_DEADLINE: Final = 0.010
"""Seconds from the start of a request to the answer of every failed authentication, so that its cause cannot be timed."""

_log = structlog.get_logger("clientry.token")


class TokenRequest(Struct, frozen=True):
    """A token request, read once. What was sent without a value counts as left out (RFC 6749 section 3.2).

    Attributes:
        client_id: None where none was sent.
        client_secret: None where none was sent. In no repr.
        grant_type: None where none was sent.
        scope: None where none was sent.
        request_id: names the request in the log.
        address: where it came from.
    """

    client_id: str | None
    client_secret: str | None
    grant_type: str | None
    scope: str | None
    request_id: str
    address: str

    @property
    def claimed_id(self) -> str:
        """Whom the request says it is from, for the log: empty unless it has the form of an id, for it may be a secret."""
        return self.client_id if self.client_id is not None and is_id(CLIENT_PREFIX, self.client_id) else ""

    def __repr__(self) -> str:
        return f"TokenRequest(client_id={self.claimed_id!r})"


class TokenResponse(Struct, frozen=True):
    """A successful answer (RFC 6749 section 5.1)."""

    access_token: str
    expires_in: int
    token_type: str
    scope: str


class TokenEndpoint:
    """Issues access tokens."""

    def __init__(
        self, storage: Storage, clock: Clock, random: Random, pepper: Pepper, key_ring: KeyRing, issuer: Issuer
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._random = random
        self._pepper = pepper
        self._key_ring = key_ring
        self._issuer = issuer

    async def issue(self, request: TokenRequest) -> TokenResponse:
        """Answer a token request.

        Raises:
            InvalidClient: authentication failed; every cause looks and lasts the same.
            InvalidRequest: there is no grant_type.
            UnsupportedGrantType: it is another one.
            InvalidScope: the scope is malformed, unknown or more than the client holds.
        """
        # 1. Authenticate the client.
        client = await self._authenticate(request)
        # 2. The grant is the one that there is.
        if request.grant_type is None:
            raise InvalidRequest("The parameter grant_type is missing.")
        if request.grant_type != GRANT_CLIENT_CREDENTIALS:
            raise UnsupportedGrantType
        # 3. The scope is what the client holds, or the part that was asked for.
        scopes = grant(scopes_held(client, self._issuer.catalogue), request.scope)
        # 4. Make the claims, and sign them.
        claims = self._issuer.claims(client, scopes, self._clock.now(), self._random)
        token = self._key_ring.current.sign(access_token.encode(claims))
        return TokenResponse(token, client.token_lifetime, TOKEN_TYPE_BEARER, format_scope(scopes))

    async def _authenticate(self, request: TokenRequest) -> Client:
        started = asyncio.get_running_loop().time()
        found = await self._find(request)
        if isinstance(found, Client):
            return found
        _log.warning(
            "client authentication failed",
            reason=found,
            client_id=request.claimed_id,
            request_id=request.request_id,
            address=request.address,
        )
        await asyncio.sleep(started + FAILURE_DEADLINE - asyncio.get_running_loop().time())
        raise InvalidClient

    async def _find(self, request: TokenRequest) -> Client | str:
        """Return the client that the credentials belong to, or, for the operator's eyes only, why there is none."""
        if request.client_id is None or request.client_secret is None:
            return "no credentials"
        credentials = await self._storage.credentials(request.claimed_id) if request.claimed_id else None
        if credentials is None:
            self._pepper.verifier(request.client_secret)
            return "unknown client"
        verifiers = tuple(kept.verifier for kept in credentials.secrets)
        index = self._pepper.matches(request.client_secret, verifiers)
        if index is None:
            return "wrong secret" if secret.is_well_formed(request.client_secret) else "mistyped or truncated secret"
        if not credentials.secrets[index].is_live(self._clock.now()):
            return "expired secret"
        if not credentials.client.enabled:
            return "disabled client"
        if credentials.client.suspended:
            return "suspended account"
        return credentials.client
