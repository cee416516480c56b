"""Access tokens: the claims of RFC 9068, and when they are good."""

import base64
from collections.abc import Collection
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from clientry.randomness import Random
from clientry.records.account import Account
from clientry.records.client import Client
from clientry.records.product import Catalogue
from clientry.records.scope import RESOURCES, format_scope


class TokenType(StrEnum):
    """What the header of an access token calls it (RFC 7519 section 5.1)."""

    AT_JWT = "at+jwt"
    """As RFC 9068 section 2.1 has it: no other kind of JWT can be taken for an access token."""
    JWT = "JWT"
    """As verifiers want it that know RFC 7519 alone."""

    @property
    def accepted(self) -> "tuple[TokenType, ...]":
        """What is accepted where this one is issued: what RFC 9068 asks for always, so that tokens of before stay good."""
        return tuple(dict.fromkeys((TokenType.AT_JWT, self)))


NumericDate = Annotated[int, Meta(ge=0, lt=2**53)]
"""Seconds since the epoch, whole, and within what every JSON reader takes (RFC 7519 section 2)."""


class Claims(Struct, frozen=True, omit_defaults=True):
    """The payload of an access token (RFC 9068 section 2.2), and where a token stands in the registry.

    Attributes:
        iss: the issuer.
        sub: the client; there is no other subject in client credentials.
        aud: this API and the audiences of the products that are granted (RFC 9068 section 3).
        iat: seconds since the epoch; never before the client's cut-off.
        exp: the first second at which it is no longer good.
        jti: 128 random bits.
        client_id: the client.
        account_id: the client's account.
        client_type: admin or standard.
        scope: what was granted; absent where nothing was.
    """

    iss: str
    sub: str
    aud: tuple[str, ...]
    iat: NumericDate
    exp: NumericDate
    jti: str
    client_id: str
    account_id: str
    client_type: str
    scope: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Claims)


class Grant(Struct, frozen=True):
    """What a token is issued for.

    Attributes:
        client: who gets it.
        account_id: the account that it is for: the client's own, or one below it.
        cutoff: the first second at which it can be issued, so that no cut-off from before kills it.
        scopes: what it grants.
    """

    client: Client
    account_id: str
    cutoff: int
    scopes: tuple[str, ...]


class Issuer(Struct, frozen=True):
    """Who signs, and for whom.

    Attributes:
        url: the issuer identifier, byte for byte as in the metadata (RFC 8414 section 2).
        catalogue: the configured products.
        separate_audiences: whether no token is for global resources and for products, so that none that a product sees does
            anything here.
    """

    url: str
    catalogue: Catalogue
    separate_audiences: bool = False

    def is_mixed(self, scopes: Collection[str]) -> bool:
        """Tell whether a token with these scopes would be for too much at once."""
        if not self.separate_audiences or not any(scope in RESOURCES for scope in scopes):
            return False
        return any(scope in self.catalogue for scope in scopes)

    def claims(self, grant: Grant, now: float, random: Random) -> Claims:
        """Return the claims of a new access token, which lives no longer than its client.

        Args:
            grant: what it is for.
            now: seconds since the epoch.
            random: for the token's id.
        """
        client = grant.client
        issued_at = max(int(now), grant.cutoff)
        expiry = issued_at + client.token_lifetime
        return Claims(
            iss=self.url,
            sub=client.client_id,
            aud=(self.url, *self.catalogue.audiences(grant.scopes)),
            iat=issued_at,
            exp=expiry if client.expires_at is None else min(expiry, client.expires_at),
            jti=base64.urlsafe_b64encode(random.bytes(16)).rstrip(b"=").decode(),
            client_id=client.client_id,
            account_id=grant.account_id,
            client_type=client.client_type.value,
            scope=format_scope(grant.scopes),
        )


def encode(claims: Claims) -> bytes:
    """Write claims as JSON."""
    return _encoder.encode(claims)


def decode(payload: bytes) -> Claims:
    """Read claims from JSON that one of our own keys has signed.

    Only what `encode` writes is read, byte for byte: nothing is said twice (RFC 8725 section 2.4), and a claim that this
    program does not know, and that may restrict the token, is not passed over.

    Raises:
        msgspec.ValidationError: a claim is missing, unknown, doubled or of another type.
        msgspec.DecodeError: this is no JSON.
    """
    claims = _decoder.decode(payload)
    if encode(claims) != payload:
        raise msgspec.ValidationError("not the claims of one of our tokens")
    return claims


def is_good(claims: Claims, issuer: str, now: float) -> bool:
    """Tell whether a verified token is for the API of this issuer, and still good (RFC 9068 section 4)."""
    return claims.iss == issuer and issuer in claims.aud and now < claims.exp


def outlived(claims: Claims, holder: Client | Account) -> bool:
    """Tell whether the tokens of its client, or of the account that it is for, were cut off after this one was issued."""
    return claims.iat < (holder.cutoff if isinstance(holder, Client) else holder.path_cutoff)
