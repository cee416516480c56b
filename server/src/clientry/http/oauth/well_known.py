"""What clients and resource servers find out by themselves: metadata (RFC 8414), its alias, and the JWK Set (RFC 7517)."""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from clientry.http.document import Document
from clientry.http.exchange import JSON, Headers
from clientry.oauth2 import AUTH_CLIENT_SECRET_BASIC, AUTH_CLIENT_SECRET_POST, GRANT_CLIENT_CREDENTIALS
from clientry.records.product import Catalogue
from clientry.records.scope import RESOURCES
from clientry.records.signing_key import KeyRing

METADATA_PATH: Final = "/.well-known/oauth-authorization-server"
OPENID_PATH: Final = "/.well-known/openid-configuration"
JWK_SET_PATH: Final = "/.well-known/jwks.json"
TOKEN_PATH: Final = "/api-services/v1/auth/token"
MAX_AGE: Final = 300
"""Seconds that a JWK Set may be kept; a new signing key is published at least this long before it signs."""

_CACHED: Final[Headers] = ((b"cache-control", f"public, max-age={MAX_AGE}".encode()),)


def metadata_paths(issuer: str) -> tuple[str, ...]:
    """Return where the metadata of an issuer are found: for one with a path also with that inserted (RFC 8414 section 3.1)."""
    inserted = METADATA_PATH + urlsplit(issuer).path.rstrip("/")
    return tuple(dict.fromkeys((METADATA_PATH, inserted)))


def openid_configuration_paths(issuer: str) -> tuple[str, ...]:
    """Return where the alias is found: for an issuer with a path inserted (RFC 8414 section 5) and appended (Discovery section 4).

    A proxy that serves an issuer with a path takes the path off; where one leaves it there, it is still found.
    """
    path = urlsplit(issuer).path.rstrip("/")
    return tuple(dict.fromkeys((OPENID_PATH, OPENID_PATH + path, path + OPENID_PATH)))


def metadata(issuer: str, catalogue: Catalogue) -> dict[str, object]:
    """Return the authorization server metadata (RFC 8414 section 2): only what is so, and no empty lists.

    `response_types_supported` is required by the RFC even where there is no authorization endpoint, and section 3.2 forbids
    an empty list: `none` is the registered response type that returns nothing.
    """
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "jwks_uri": issuer + JWK_SET_PATH,
        "scopes_supported": [*RESOURCES, *catalogue.names],
        "response_types_supported": ["none"],
        "grant_types_supported": [GRANT_CLIENT_CREDENTIALS],
        "token_endpoint_auth_methods_supported": [AUTH_CLIENT_SECRET_BASIC, AUTH_CLIENT_SECRET_POST],
        "service_documentation": issuer + "/docs",
    }


def metadata_document(issuer: str, catalogue: Catalogue) -> Document:
    """Return the metadata as a document."""
    return Document(msgspec.json.encode(metadata(issuer, catalogue)), JSON + _CACHED)


def openid_configuration_document(issuer: str, catalogue: Catalogue, key_ring: KeyRing) -> Document:
    """Return the metadata as they are looked for by who knows OpenID Connect Discovery alone.

    This server issues no ID tokens. The two members are required there (section 3), and who reads the document refuses it
    without them; the algorithm is what such readers verify access tokens with.
    """
    openid = {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [key_ring.current.algorithm.value],
    }
    return Document(msgspec.json.encode({**metadata(issuer, catalogue), **openid}), JSON + _CACHED)


def jwk_set_document(key_ring: KeyRing) -> Document:
    """Return the JWK Set, public members only, as a document."""
    return Document(key_ring.jwk_set, ((b"content-type", b"application/jwk-set+json"), *_CACHED))
