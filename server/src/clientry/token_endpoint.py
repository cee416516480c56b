"""The token endpoint (RFC 6749 section 4.4): who asks, may it, for what, and then a signed access token.

`TokenEndpoint.issue` is the whole of it, in numbered steps.
"""

import asyncio

from msgspec import Struct

from clientry import access_token
from clientry.access_token import Issuer
from clientry.client import Client, scopes_held
from clientry.client_authentication import ClientAuthentication, PresentedCredentials
from clientry.clock import Clock
from clientry.oauth2 import (
    GRANT_CLIENT_CREDENTIALS,
    TOKEN_TYPE_BEARER,
    InvalidRequest,
    UnsupportedGrantType,
)
from clientry.randomness import Random
from clientry.scope import format_scope, grant
from clientry.signing_key import KeyRing


class TokenRequest(Struct, frozen=True):
    """A token request, read once. What was sent without a value counts as left out (RFC 6749 section 3.2).

    Attributes:
        presented: what it authenticates with.
        grant_type: None where none was sent.
        scope: None where none was sent.
    """

    presented: PresentedCredentials
    grant_type: str | None
    scope: str | None


class TokenResponse(Struct, frozen=True):
    """A successful answer (RFC 6749 section 5.1)."""

    access_token: str
    expires_in: int
    token_type: str
    scope: str


class TokenEndpoint:
    """Issues access tokens."""

    def __init__(
        self, authentication: ClientAuthentication, clock: Clock, random: Random, key_ring: KeyRing, issuer: Issuer
    ) -> None:
        self._authentication = authentication
        self._clock = clock
        self._random = random
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
        client = await self._authenticate(request.presented)
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
        return TokenResponse(token, claims.exp - claims.iat, TOKEN_TYPE_BEARER, format_scope(scopes))

    async def _authenticate(self, presented: PresentedCredentials) -> Client:
        """Return the client, not before the second has passed in which its tokens were cut off.

        `iat` has whole seconds: a token that said the next one could not be told from those issued after another cut-off. A cut-off
        that is still ahead afterwards was set by a clock that is ahead of this one: it is taken for the time.
        """
        client = await self._authentication.authenticate(presented)
        ahead = client.cutoff - self._clock.now()
        if ahead <= 0:
            return client
        await asyncio.sleep(min(ahead, 1))
        return await self._authentication.authenticate(presented)
