"""How large a token can become with the settings in force: what the server issues it must accept."""

from typing import Final

from clientry.errors import ConfigurationError
from clientry.records import access_token
from clientry.records.access_token import Claims, Issuer
from clientry.records.account import MAX_DEPTH
from clientry.records.identifier import ACCOUNT_PREFIX, CLIENT_PREFIX, ULID_LENGTH
from clientry.records.mark import MARK_LENGTH
from clientry.records.product import Catalogue
from clientry.records.scope import RESOURCES, format_scope
from clientry.records.signing_key import MAX_TOKEN_BYTES, RSA_BITS, Algorithm
from clientry.settings.declared import Settings

_HEADER_BYTES: Final = 96
"""Bytes of a token's header: type, algorithm and a thumbprint of 43 characters."""
_SIGNATURE_BYTES: Final = {Algorithm.ES256: 64, Algorithm.RS256: RSA_BITS // 8}
_MOMENT: Final = 9_999_999_999
"""Seconds since the epoch that have as many digits as any until the year 2286."""


def refuse_too_large_tokens(settings: Settings) -> None:
    """Check that every token that can be asked for is one that is accepted.

    Raises:
        ConfigurationError: the largest would be larger.
    """
    largest = largest_token(settings)
    if largest > MAX_TOKEN_BYTES:
        raise ConfigurationError(
            f"A token for all {len(settings.products)} products would have {largest:,} bytes, and no more than "
            f"{MAX_TOKEN_BYTES:,} are accepted. Configure fewer products, or shorter names and audiences."
        )


def largest_token(settings: Settings) -> int:
    """Return the bytes of the largest token that a client can be given: that of an admin client, for everything at once."""
    issuer = Issuer(_issuer_url(settings), Catalogue(settings.products), settings.separate_audiences)
    everything = (*RESOURCES, *issuer.catalogue.names)
    kinds = (RESOURCES, issuer.catalogue.names) if issuer.is_mixed(everything) else (everything,)
    return max(_size(issuer, scopes, settings.signing_algorithm) for scopes in kinds)


def _size(issuer: Issuer, scopes: tuple[str, ...], algorithm: Algorithm) -> int:
    client_id, account_id = CLIENT_PREFIX + "0" * ULID_LENGTH, ACCOUNT_PREFIX + "0" * ULID_LENGTH
    claims = Claims(
        iss=issuer.url,
        sub=client_id,
        aud=(issuer.url, *issuer.catalogue.audiences(scopes)),
        iat=_MOMENT,
        exp=_MOMENT,
        jti="0" * 22,
        client_id=client_id,
        account_id=account_id,
        client_type="standard",
        scope=format_scope(scopes),
        marks=("0" * MARK_LENGTH,) * (1 + MAX_DEPTH + len(scopes)),
    )
    parts = (_HEADER_BYTES, len(access_token.encode(claims)), _SIGNATURE_BYTES[algorithm])
    return sum((4 * octets + 2) // 3 for octets in parts) + 2


def _issuer_url(settings: Settings) -> str:
    """Return what the issuer will be, or something as long: where it listens is known only then."""
    return settings.public_url or f"https://[{settings.host}]:65535"
