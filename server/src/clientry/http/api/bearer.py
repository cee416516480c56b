"""Bearer tokens (RFC 6750) on the registry API: from an Authorization header to a caller."""

import hashlib
import re
import string
from typing import Final

import msgspec

from clientry.clock import Clock
from clientry.errors import BadRequest, Unauthorized
from clientry.http.exchange import Scope, header_values
from clientry.records import access_token
from clientry.records.access_token import Claims
from clientry.records.caller import ClientCaller
from clientry.records.signing_key import KeyRing
from clientry.storage import Storage

MAX_VERIFIED: Final = 10_000
"""How many verified tokens are remembered; the oldest is forgotten first."""

_TOKEN_CHARACTERS: Final = (string.ascii_letters + string.digits + "-._~+/").encode()
"""What a token is made of, before it is padded with `=` (RFC 6750 section 2.1)."""
_BEARER_SCHEME = re.compile(rb"bearer(\s|$)", re.IGNORECASE)


class BearerAuthentication:
    """Tells who calls. A signature is verified once; whether the client may still act is read from storage every time."""

    def __init__(self, storage: Storage, key_ring: KeyRing, issuer: access_token.Issuer, clock: Clock) -> None:
        self._storage = storage
        self._key_ring = key_ring
        self._issuer = issuer
        self._clock = clock
        self._verified: dict[bytes, Claims] = {}

    async def caller(self, scope: Scope) -> ClientCaller:
        """Return the caller of a request.

        Raises:
            Unauthorized: there is no good token.
            BadRequest: there is more than one Authorization header.
        """
        claims = self._claims(_token(scope))
        client = await self._storage.client(claims.client_id)
        if client is None or not client.is_active(self._clock.now()):
            raise _no_longer_good()
        account = None
        if claims.account_id != client.account_id:
            account = await self._storage.account(claims.account_id)
            if account is None or client.account_id not in account.path:
                raise _no_longer_good()
        if access_token.is_stopped(claims, client, account):
            raise _no_longer_good()
        scope["clientry.client_id"] = client.client_id
        return ClientCaller(
            request_id=scope["clientry.request_id"],
            address=scope["clientry.address"],
            client=client,
            scopes=access_token.scopes_alive(claims, client, self._issuer.catalogue),
            account=account,
        )

    def _claims(self, token: str) -> Claims:
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._verify(token)
            if len(self._verified) >= MAX_VERIFIED:
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = claims
        if not access_token.is_good(claims, self._issuer.url, self._clock.now()):
            self._verified.pop(digest, None)
            raise Unauthorized("The access token has expired, or is for another API.", error="invalid_token")
        return claims

    def _verify(self, token: str) -> Claims:
        payload = self._key_ring.verify(token)
        if payload is None:
            raise Unauthorized("The access token is malformed, or not signed by this server.", error="invalid_token")
        try:
            claims = access_token.decode(payload)
        except msgspec.MsgspecError:
            raise Unauthorized("The access token lacks a claim.", error="invalid_token") from None
        if self._issuer.is_mixed(claims.scope.split(" ")):
            raise Unauthorized("The access token is both for the registry and for products.", error="invalid_token")
        return claims


def _no_longer_good() -> Unauthorized:
    return Unauthorized("The access token is no longer good.", error="invalid_token")


def _token(scope: Scope) -> str:
    values = header_values(scope, b"authorization")
    if len(values) > 1:
        raise BadRequest("There is more than one Authorization header.")
    if not values:
        raise _absent()
    scheme, token = values[0][:7], values[0][7:]
    bare = token.rstrip(b"=")
    # Not with a pattern: for a whole token that takes ten times as long, a tenth of a request.
    if scheme.lower() == b"bearer " and bare and not bare.translate(None, _TOKEN_CHARACTERS):
        return token.decode()
    if _BEARER_SCHEME.match(values[0]) is None:
        raise _absent()
    raise Unauthorized("The Authorization header does not hold one bearer token.", error="invalid_token")


def _absent() -> Unauthorized:
    return Unauthorized("An access token is needed, as 'Authorization: Bearer <token>'.")
