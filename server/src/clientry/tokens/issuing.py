"""The token endpoint (RFC 6749 section 4.4): who asks, may it, for what, and then a signed access token.

`TokenEndpoint` is the whole of it, in numbered steps.
"""

from msgspec import Struct

from clientry.clock import Clock
from clientry.oauth2 import (
    GRANT_CLIENT_CREDENTIALS,
    TOKEN_TYPE_BEARER,
    InvalidRequest,
    InvalidScope,
    UnsupportedGrantType,
)
from clientry.randomness import Random
from clientry.records import access_token
from clientry.records.access_token import Grant, Issuer
from clientry.records.account import Account
from clientry.records.client import Client, ClientType, scopes_held
from clientry.records.identifier import ACCOUNT_PREFIX, is_id
from clientry.records.scope import grant
from clientry.records.signing_key import KeyRing
from clientry.storage import MARKS, Storage
from clientry.tokens.client_authentication import ClientAuthentication, PresentedCredentials


class TokenRequest(Struct, frozen=True):
    """A token request, read once. What was sent without a value counts as left out (RFC 6749 section 3.2).

    Attributes:
        presented: what it authenticates with.
        grant_type: None where none was sent.
        scope: None where none was sent.
        account_id: the account that the token shall be for, None where none was sent: the client's own.
    """

    presented: PresentedCredentials
    grant_type: str | None
    scope: str | None
    account_id: str | None


class TokenResponse(Struct, frozen=True):
    """A successful answer (RFC 6749 section 5.1)."""

    access_token: str
    expires_in: int
    token_type: str
    scope: str


class TokenEndpoint:
    """Issues access tokens."""

    def __init__(
        self,
        storage: Storage,
        authentication: ClientAuthentication,
        clock: Clock,
        random: Random,
        key_ring: KeyRing,
        issuer: Issuer,
    ) -> None:
        self._storage = storage
        self._authentication = authentication
        self._clock = clock
        self._random = random
        self._key_ring = key_ring
        self._issuer = issuer

    async def issue(self, request: TokenRequest) -> TokenResponse:
        """Answer a token request.

        Raises:
            InvalidClient: authentication failed; every cause looks and lasts the same.
            InvalidRequest: there is no grant_type, or the account is not one that the client may act for.
            UnsupportedGrantType: it is another one.
            InvalidScope: the scope is malformed, unknown, more than the client holds, or too much at once.
        """
        granted = await self._grant(request)
        ahead = granted.cutoff - self._clock.now()
        if ahead > 0:
            # A token without marks is told from those before the cut-off by its `iat`, which has whole seconds: one that said the
            # next could not be told from those issued after another cut-off. One that is still ahead afterwards was set by a clock
            # that is ahead of this one: it is taken for the time.
            await self._clock.sleep(min(ahead, 1))
            granted = await self._grant(request)
        claims = self._issuer.claims(granted, self._clock.now(), self._random)
        token = self._key_ring.sign(access_token.encode(claims))
        return TokenResponse(token, claims.exp - claims.iat, TOKEN_TYPE_BEARER, claims.scope)

    async def _grant(self, request: TokenRequest) -> Grant:
        # 1. Authenticate the client.
        client = await self._authentication.authenticate(request.presented)
        # 2. The grant is the one that there is.
        if request.grant_type is None:
            raise InvalidRequest("The parameter grant_type is missing.")
        if request.grant_type != GRANT_CLIENT_CREDENTIALS:
            raise UnsupportedGrantType
        # 3. The account is the client's own, or one below it.
        account = None
        if request.account_id not in {None, client.account_id}:
            account = await self._descendant(client, request.account_id or "")
        # 4. The scope is what the client holds, or the part that was asked for.
        scopes = grant(scopes_held(client, self._issuer.catalogue), request.scope)
        if self._issuer.is_mixed(scopes):
            raise InvalidScope(
                "This server issues no token that is both for the registry and for products. "
                "Ask for scopes of one kind with the parameter scope."
            )
        # 5. It carries marks if every node understands them. A salt is only where one of them knew that already.
        salted = client.is_salted or (account is not None and bool(account.path_salts))
        return Grant(client, account, scopes, is_marked=salted or self._storage.forms.may_write(MARKS))

    async def _descendant(self, client: Client, account_id: str) -> Account:
        """Return an account below the client's; whatever else it is looks the same."""
        admin = client.client_type is ClientType.ADMIN and is_id(ACCOUNT_PREFIX, account_id)
        account = await self._storage.account(account_id) if admin else None
        if account is None or client.account_id not in account.path or account.suspended:
            raise InvalidRequest("The account_id is not that of an active account below an admin client's own.")
        return account
