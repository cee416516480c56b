"""What a stranger finds out by itself: metadata (RFC 8414), their alias, and the JWK Set, and that all tell the truth."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from tests.support.registry import Credentials, Registry, access_token, token_part
from tests.support.server import Server
from tests.support.signing import newest_signing_key
from tests.support.wire import TOKEN_PATH, Reply, ask_token, basic, bearer, send

from clientry.records.signing_key import b64

METADATA = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
JWK_SET = "/.well-known/jwks.json"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SPOOFED = [
    ("Host", "evil.example"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-Port", "1"),
    ("Forwarded", "host=evil.example;proto=https"),
    ("X-Original-URL", "/evil"),
]
StartServer = Callable[..., Server]


@pytest.fixture(scope="session")
def metadata(registry: Registry) -> dict[str, Any]:
    return send(registry.url, "GET", METADATA).json


def test_m01_m02_where_the_metadata_are(registry: Registry) -> None:
    """200 and JSON at the well-known path, and the issuer is the URL that it was derived from."""
    reply = send(registry.url, "GET", METADATA)
    assert (reply.status, reply.one("Content-Type")) == (200, "application/json")
    issuer = reply.json["issuer"]
    assert issuer == registry.url
    parts = urlsplit(issuer)
    assert (parts.scheme, parts.hostname, parts.query, parts.fragment) == ("http", "127.0.0.1", "", "")


def test_m03_m04_m07_what_the_metadata_hold(metadata: dict[str, Any]) -> None:
    """Grants and methods are explicit, nothing is claimed that is not there, and no list is empty."""
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert set(metadata["token_endpoint_auth_methods_supported"]) == {"client_secret_basic", "client_secret_post"}
    assert "authorization_endpoint" not in metadata
    assert all(value not in ([], "", None) for value in metadata.values())


def test_m05_what_is_not_there_is_not_advertised(metadata: dict[str, Any]) -> None:
    """No endpoint that this server does not have is named, and each that is named answers."""
    endpoints = {name for name in metadata if name.endswith(("_endpoint", "_uri", "_documentation"))}
    assert endpoints == {"token_endpoint", "jwks_uri", "service_documentation"}
    for name in endpoints:
        assert send(metadata[name], "GET", "").status == (405 if name == "token_endpoint" else 200)


def test_the_alias_is_the_metadata_and_the_two_members_that_its_readers_need(
    registry: Registry, client: Credentials, metadata: dict[str, Any]
) -> None:
    """Who looks for OpenID Connect Discovery finds the same, and what is required there; the algorithm is that of the tokens."""
    reply = send(registry.url, "GET", OPENID)
    algorithm = token_part(access_token(registry.url, client), 0)["alg"]
    needed = {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": [algorithm]}
    assert not set(needed) & set(metadata)
    assert (reply.status, reply.one("Content-Type")) == (200, "application/json")
    assert reply.json == {**metadata, **needed}


def authenticate(method: str, url: str, client: Credentials) -> Reply:
    """Ask for a token with one method of client authentication."""
    grant = {"grant_type": "client_credentials"}
    match method:
        case "client_secret_basic":
            return ask_token(url, grant, [basic(*client)])
        case "client_secret_post":
            return ask_token(url, client.form)
        case "client_secret_jwt" | "private_key_jwt":
            claims = {"iss": client.client_id, "sub": client.client_id, "aud": url, "exp": 4102444800, "jti": method}
            assertion = jwt.encode(claims, client.client_secret, "HS256")
            return ask_token(url, {**grant, "client_assertion": assertion, "client_assertion_type": ASSERTION})
        case _:
            return ask_token(url, {**grant, "client_id": client.client_id})


METHODS = [
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
]


@pytest.mark.parametrize("method", METHODS)
def test_m06_methods_work_exactly_if_they_are_listed(
    registry: Registry, client: Credentials, metadata: dict[str, Any], method: str
) -> None:
    """Every registered method of client authentication gets a token if the metadata list it, else invalid_client."""
    listed = metadata["token_endpoint_auth_methods_supported"]
    assert set(listed) <= set(METHODS)
    reply = authenticate(method, registry.url, client)
    assert (reply.status, reply.json.get("error")) == ((200, None) if method in listed else (401, "invalid_client"))


GRANTS = [
    "client_credentials",
    "authorization_code",
    "implicit",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]


@pytest.mark.parametrize("grant", GRANTS)
def test_m06_grants_work_exactly_if_they_are_listed(
    registry: Registry, client: Credentials, metadata: dict[str, Any], grant: str
) -> None:
    """Every registered grant gets a token if the metadata list it, else unsupported_grant_type."""
    listed = metadata["grant_types_supported"]
    assert set(listed) <= set(GRANTS)
    reply = ask_token(
        registry.url, {**client.form, "grant_type": grant, "code": "x", "assertion": "x", "device_code": "x"}
    )
    assert (reply.status, reply.json.get("error")) == (
        (200, None) if grant in listed else (400, "unsupported_grant_type")
    )


def test_m06_scopes_are_granted_exactly_if_they_are_listed(registry: Registry, metadata: dict[str, Any]) -> None:
    """The first admin client can have every listed scope by itself, and none other."""
    for scope in metadata["scopes_supported"]:
        assert ask_token(registry.url, {**registry.admin.form, "scope": scope}).json["scope"] == scope
    everything = ask_token(registry.url, registry.admin.form).json["scope"].split(" ")
    assert sorted(everything) == sorted(metadata["scopes_supported"])
    assert ask_token(registry.url, {**registry.admin.form, "scope": "openid"}).json["error"] == "invalid_scope"


def test_k01_the_jwk_set_is_public(registry: Registry) -> None:
    """Each key has its public members, use, alg and a unique kid, and no other member."""
    reply = send(registry.url, "GET", JWK_SET)
    keys = reply.json["keys"]
    assert reply.one("Content-Type") == "application/jwk-set+json"
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "use", "alg", "kid"}]
    assert (keys[0]["use"], keys[0]["alg"]) == ("sig", "ES256")
    header = token_part(access_token(registry.url, registry.admin), 0)
    assert (header["kid"], header["alg"]) == (keys[0]["kid"], keys[0]["alg"])


@pytest.mark.parametrize("path", [METADATA, OPENID, JWK_SET])
def test_k03_documents_may_be_kept_and_asked_for_again(registry: Registry, path: str) -> None:
    """They say for how long, and whoever has the newest gets 304 without a body."""
    first = send(registry.url, "GET", path)
    etag = first.one("ETag")
    assert first.one("Cache-Control") == "public, max-age=300"
    for value in (etag, f'"other", {etag}', "*", f"W/{etag}"):
        again = send(registry.url, "GET", path, [("If-None-Match", value)])
        assert (again.status, again.body, again.one("ETag")) == (304, b"", etag)
    assert send(registry.url, "GET", path, [("If-None-Match", '"other"')]).status == 200
    head = send(registry.url, "HEAD", path)
    assert (head.status, head.body, head.one("Content-Length")) == (200, b"", str(len(first.body)))


def test_j09_s06_spoofed_headers_change_nothing(registry: Registry, metadata: dict[str, Any]) -> None:
    """Neither Host nor any forwarding header moves the issuer, a URL of the metadata, a link or an error's page."""
    url = registry.url
    assert send(url, "GET", METADATA, SPOOFED).json == metadata
    assert send(url, "POST", TOKEN_PATH, SPOOFED).json["error_uri"].startswith(f"{url}/errors/")
    assert send(url, "GET", "/v1/ping", SPOOFED).json["info"].startswith(f"{url}/errors/")
    form = [("Content-Type", "application/x-www-form-urlencoded"), *SPOOFED]
    body = f"grant_type=client_credentials&client_id={registry.admin.client_id}&client_secret={registry.admin.client_secret}"
    token = send(url, "POST", TOKEN_PATH, form, body.encode()).json["access_token"]
    assert token_part(token, 1)["iss"] == metadata["issuer"]


def test_j09_the_issuer_and_the_keys_outlive_a_restart(start_server: StartServer, free_port: int) -> None:
    """After a restart on the same port a token of before is good, and new ones say the same `iss` and `kid`."""
    with start_server(port=free_port) as first:
        old, before = access_token(first.url, first.admin), send(first.url, "GET", JWK_SET).body
        data, url = first.data, first.url
    with start_server(data=data, port=free_port) as second:
        new = access_token(second.url, second.admin)
        assert (second.url, send(second.url, "GET", JWK_SET).body) == (url, before)
        assert send(url, "GET", "/v1/ping", [("Authorization", f"Bearer {old}")]).status == 200
        assert send(url, "GET", METADATA).json["issuer"] == token_part(new, 1)["iss"] == token_part(old, 1)["iss"]
        assert token_part(new, 0) == token_part(old, 0)


@pytest.mark.parametrize(
    "issuer", ["https://auth.example/tenant1", "https://auth.example", "https://auth.example:8443/a/b"]
)
def test_m01_m02_an_issuer_of_ones_own(start_server: StartServer, issuer: str) -> None:
    """A configured public URL is the issuer to the byte, and one with a path is found where its readers look for it."""
    with start_server(env={"CLIENTRY_PUBLIC_URL": issuer}) as server:
        path = urlsplit(issuer).path
        found = send(server.url, "GET", METADATA + path, SPOOFED)
        claims = token_part(access_token(server.url, server.admin), 1)
        assert (found.status, found.json["issuer"], found.json["token_endpoint"]) == (200, issuer, issuer + TOKEN_PATH)
        assert (claims["iss"], claims["aud"][0]) == (issuer, issuer)
        for alias in (OPENID, OPENID + path, path + OPENID):
            reply = send(server.url, "GET", alias, SPOOFED)
            assert (reply.status, reply.json["issuer"], reply.json["jwks_uri"]) == (200, issuer, issuer + JWK_SET)
        for other in (METADATA + "/tenant2", OPENID + "/tenant2", "/tenant2" + OPENID):
            assert send(server.url, "GET", other).status == 404
        reply = send(
            server.url, "GET", "/v1/ping", [("Authorization", f"Bearer {access_token(server.url, server.admin)}")]
        )
        assert reply.status == 200


def test_j05_rs256_when_it_is_chosen(start_server: StartServer, free_port: int) -> None:
    """RS256 with 3072 bits signs on request, and is what verifiers see first; the old tokens and their key stay good."""
    with start_server(port=free_port) as first:
        data, old = first.data, access_token(first.url, first.admin)
    with start_server(data=data, port=free_port, env={"CLIENTRY_SIGNING_ALGORITHM": "RS256"}) as server:
        new = access_token(server.url, server.admin)
        published = send(server.url, "GET", JWK_SET).json["keys"]
        keys = {key["kid"]: key for key in published}
        assert [key["alg"] for key in published] == ["RS256", "ES256"]
        assert send(server.url, "GET", OPENID).json["id_token_signing_alg_values_supported"] == ["RS256"]
        assert token_part(new, 0)["alg"] == "RS256"
        key = jwt.PyJWK(keys[token_part(new, 0)["kid"]])
        assert key.key.key_size == 3072
        assert set(keys[key.key_id or ""]) == {"kty", "n", "e", "use", "alg", "kid"}
        for token in (old, new):
            assert send(server.url, "GET", "/v1/ping", [("Authorization", f"Bearer {token}")]).status == 200
            jwk = jwt.PyJWK(keys[token_part(token, 0)["kid"]])
            assert jwt.decode(token, jwk, algorithms=[jwk.algorithm_name], audience=server.url)["iss"] == server.url


def test_j01_the_type_of_tokens_when_it_is_chosen(start_server: StartServer, free_port: int) -> None:
    """Tokens are `at+jwt`; where `JWT` is chosen new ones say that and those of before stay good; where not, none is taken."""
    env = {"CLIENTRY_TOKEN_TYPE_HEADER": "JWT"}
    with start_server(port=free_port) as first:
        data, old = first.data, access_token(first.url, first.admin)
    with start_server(data=data, port=free_port, env=env) as chosen:
        new = access_token(chosen.url, chosen.admin)
        assert [token_part(token, 0)["typ"] for token in (old, new)] == ["at+jwt", "JWT"]
        for token in (old, new):
            assert send(chosen.url, "GET", "/v1/ping", [bearer(token)]).status == 200
    with start_server(data=data, port=free_port) as again:
        assert [send(again.url, "GET", "/v1/ping", [bearer(token)]).status for token in (old, new)] == [200, 401]


def test_k05_private_keys_are_sealed_at_rest(start_server: StartServer) -> None:
    """What is stored of a signing key is not its private number, nor any form of it that opens without the other file."""
    with start_server() as server:
        private = server_key_numbers(server.data)
        stored = b"".join(path.read_bytes() for path in server.data.iterdir() if path.is_file())
        assert server.data.stat().st_mode & 0o077 == 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in server.data.iterdir())
    for form in private:
        assert form not in stored


def server_key_numbers(data: Path) -> list[bytes]:
    """Return a signing key's private number as bytes, hexadecimal, base64url and decimal."""
    number = newest_signing_key(data)._private.private_numbers().private_value  # pyright: ignore
    octets = number.to_bytes(32)
    return [octets, octets.hex().encode(), b64(octets), str(number).encode(), json.dumps(number).encode()]
