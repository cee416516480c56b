"""OAuth and JOSE libraries that we did not write: they get tokens both ways, call the API, and verify what they got."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError, InvalidScopeError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session
from tests.support.registry import Credentials, Registry
from tests.support.server import Server
from tests.support.wire import TOKEN_PATH, ask_token, send

METHODS = ["client_secret_basic", "client_secret_post"]


@pytest.fixture(autouse=True)
def _plain_http_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let oauthlib speak to a server without TLS, which it refuses otherwise, also on loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scope", [None, "SuperSIM"])
def test_authlib(registry: Registry, client: Credentials, method: str, scope: str | None) -> None:
    """Authlib gets a token with either method and calls ping with it."""
    session: Any = AuthlibSession(*client, scope=scope, token_endpoint_auth_method=method)
    token = session.fetch_token(registry.url + TOKEN_PATH, grant_type="client_credentials")
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
    assert token["scope"] == (scope or "SuperSIM ProgrammableWireless")
    assert session.get(registry.url + "/v1/ping").json() == {"status": "ok"}


@pytest.mark.parametrize("method", METHODS)
def test_requests_oauthlib(registry: Registry, client: Credentials, method: str) -> None:
    """requests-oauthlib gets a token with either method and calls ping with it."""
    session = OAuth2Session(client=BackendApplicationClient(client_id=client.client_id))
    url = registry.url + TOKEN_PATH
    if method == "client_secret_basic":
        token = session.fetch_token(url, auth=HTTPBasicAuth(*client))
    else:
        token = session.fetch_token(url, client_secret=client.client_secret, include_client_id=True)
    assert token["token_type"] == "Bearer"
    assert session.get(registry.url + "/v1/ping").json() == {"status": "ok"}


def test_requests_oauthlib_understands_our_refusals(registry: Registry, client: Credentials) -> None:
    """A wrong secret and an unknown scope arrive as the library's own exceptions for them."""
    url = registry.url + TOKEN_PATH
    session = OAuth2Session(client=BackendApplicationClient(client_id=client.client_id))
    with pytest.raises(InvalidClientError):
        session.fetch_token(url, auth=HTTPBasicAuth(client.client_id, "wrong"))
    with pytest.raises(InvalidScopeError):
        session.fetch_token(url, auth=HTTPBasicAuth(*client), scope="unknown")


def test_authlib_finds_no_fault_with_the_metadata(registry: Registry) -> None:
    """Authlib's own reading of RFC 8414 accepts them, but for plain HTTP on loopback."""
    document = send(registry.url, "GET", "/.well-known/oauth-authorization-server").json
    over_tls = json.loads(json.dumps(document).replace("http://127.0.0.1", "https://127.0.0.1"))
    metadata = AuthorizationServerMetadata(over_tls)
    for name in over_tls:
        getattr(metadata, f"validate_{name}", lambda: None)()


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_pyjwt_verifies_every_token_from_the_jwk_set_alone(
    start_server: Callable[..., Server], tmp_path: Path, algorithm: str
) -> None:
    """Tokens of all kinds of clients and scopes verify with what a resource server knows: issuer, audience and `jwks_uri`."""
    server = start_server(tmp_path / "data", env={"CLIENTRY_SIGNING_ALGORITHM": algorithm})
    registry = Registry(server.url, server.admin)
    metadata = send(server.url, "GET", "/.well-known/oauth-authorization-server").json
    keys = jwt.PyJWKClient(metadata["jwks_uri"])
    clients = [server.admin, registry.create(), registry.create(products=("SuperSIM",)), registry.create(products=())]
    for credentials in clients:
        for _ in range(5):
            answer = ask_token(server.url, credentials.form).json
            token = answer["access_token"]
            claims = jwt.decode(
                token,
                keys.get_signing_key_from_jwt(token),
                algorithms=[algorithm],
                audience=metadata["issuer"],
                issuer=metadata["issuer"],
                options={"require": ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]},
            )
            assert (claims["sub"], claims.get("scope", "")) == (credentials.client_id, answer["scope"])


def test_a_resource_server_takes_its_own_audience_only(registry: Registry) -> None:
    """A client of one product has a token for that product's servers, and other products' servers refuse it."""
    token = ask_token(registry.url, registry.create(products=("SuperSIM",)).form).json["access_token"]
    key = jwt.PyJWKClient(registry.url + "/.well-known/jwks.json").get_signing_key_from_jwt(token)
    assert jwt.decode(token, key, algorithms=["ES256"], audience="urn:clientry:product:SuperSIM")
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, key, algorithms=["ES256"], audience="urn:clientry:product:ProgrammableWireless")
