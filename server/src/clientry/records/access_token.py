"""Access tokens: the claims of RFC 9068, and when they are good."""

import base64
from collections.abc import Collection
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from clientry.randomness import Random
from clientry.records.account import Account
from clientry.records.client import Client, scopes_held
from clientry.records.mark import mark, path_marks, scope_name
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
        iat: seconds since the epoch; without marks never before the client's cut-off.
        exp: the first second at which it is no longer good.
        jti: 128 random bits.
        client_id: the client.
        account_id: the client's account.
        client_type: admin or standard.
        scope: what was granted; absent where nothing was.
        marks: what is compared to tell whether it was stopped: of the client, of each account on the path of `account_id`, and of
            the granted scopes that were ever taken away from the client; absent while there are nodes that understand none.
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
    marks: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Claims)


class Grant(Struct, frozen=True):
    """What a token is issued for.

    Attributes:
        client: who gets it.
        account: the account below the client's own that it is for, None: it is for the client's own.
        scopes: what it grants.
        is_marked: whether it carries marks.
    """

    client: Client
    account: Account | None
    scopes: tuple[str, ...]
    is_marked: bool

    @property
    def account_id(self) -> str:
        """The account that it is for."""
        return self.client.account_id if self.account is None else self.account.account_id

    @property
    def cutoff(self) -> int:
        """The first second at which it can be issued, so that no cut-off from before kills it; 0: it has marks instead."""
        return 0 if self.is_marked else _cutoff(self.client, self.account)

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks that it carries."""
        if not self.is_marked:
            return ()
        marks = marks_of(self.client, self.account)
        if not self.client.scope_salts:
            return marks
        return marks + tuple(
            mark(scope_name(self.client.client_id, scope), salt)
            for scope, salt in self.client.scope_salts
            if scope in self.scopes
        )


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
            marks=grant.marks,
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


def marks_of(client: Client, account: Account | None) -> tuple[str, ...]:
    """Return the marks of a client and of every account on the path of the one that a token is for; None: the client's own."""
    path, salts = (client.account_path, client.account_salts) if account is None else (account.path, account.path_salts)
    return (mark(client.client_id, client.salt), *path_marks(path, salts))


def is_stopped(claims: Claims, client: Client, account: Account | None) -> bool:
    """Tell whether a token is from before a stop of its client, or of an account, or whether one of them is stopped now.

    One without marks is from before tokens carried them, or from a node that did not know yet that they may. It is judged by the
    time at which it was issued, and whatever was stopped since then has killed it.

    Args:
        claims: of the token.
        client: its client, as it is now.
        account: the account that it is for where that is not the client's own, as it is now.
    """
    if client.suspended or (account is not None and account.suspended):
        return True
    if not claims.marks:
        salted = client.is_salted or (account is not None and bool(account.path_salts))
        return salted or claims.iat < _cutoff(client, account)
    marks = marks_of(client, account)
    return claims.marks[: len(marks)] != marks


def scopes_alive(claims: Claims, client: Client, catalogue: Catalogue) -> frozenset[str]:
    """Return the scopes of a token that its client still holds, and has held without a break since the token was issued."""
    alive = frozenset(claims.scope.split(" ")).intersection(scopes_held(client, catalogue))
    if not client.scope_salts:
        return alive
    return alive.difference(
        scope
        for scope, salt in client.scope_salts
        if scope in alive and mark(scope_name(client.client_id, scope), salt) not in claims.marks
    )


def _cutoff(client: Client, account: Account | None) -> int:
    return client.cutoff if account is None else max(client.cutoff, account.path_cutoff)
