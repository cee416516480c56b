"""Who may call the registry: bearer tokens over real HTTP (RFC 6750), good, bad and bent."""

import asyncio
import base64
import contextlib
import copy
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs
from tests.contract.tenant import admin_of
from tests.support.opened import storage_of
from tests.support.registry import Credentials, Registry, access_token, token_part
from tests.support.server import Server
from tests.support.signing import twin
from tests.support.wire import Reply, ask_token, bearer, send

from clientry.records.signing_key import Algorithm, SigningKey, b64, generate
from clientry.storage import Transaction

PING = "/v1/ping"
LIST = "/v1/clients?page_size=1&page_number=1"


def ping(registry: Registry, token: str) -> Reply:
    return send(registry.url, "GET", PING, [bearer(token)])


def invalid_token(reply: Reply) -> None:
    """Assert the refusal of a token that is not good."""
    assert (reply.status, reply.json["code"]) == (401, 40401), reply
    assert reply.one("WWW-Authenticate") == 'Bearer realm="clientry", error="invalid_token"'


@pytest.mark.parametrize("path", [PING, LIST, "/v1/clients/x", "/v1/accounts?page_size=1&page_number=1"])
@pytest.mark.parametrize("headers", [[], [("Authorization", "Basic YTpi")], [("Authorization", "")]])
def test_b01_without_a_token(registry: Registry, path: str, headers: list[tuple[str, str]]) -> None:
    """No credentials: 401 and a challenge that names no error."""
    reply = send(registry.url, "GET", path, headers)
    assert reply.status == 401
    assert reply.one("WWW-Authenticate") == 'Bearer realm="clientry"'


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer x y",
        "Bearer  {token}",
        "Bearer {token} {token}",
        "Bearer {token},{token}",
        "Bearer {token}=",
        'Bearer "{token}"',
        "Bearer\t{token}",
        "Bearer é",
        "Bearer a.b.c",
        "Bearer ...",
    ],
)
def test_b02_b05_malformed_tokens(registry: Registry, client: Credentials, value: str) -> None:
    """Empty, doubled, quoted or padded: each is an invalid token, never a fault."""
    header = value.format(token=access_token(registry.url, client)).encode("latin-1")
    invalid_token(send(registry.url, "GET", PING, [("Authorization", header)]))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_b05_the_scheme_has_no_case(registry: Registry, client: Credentials, scheme: str) -> None:
    """RFC 9110 section 11.1; and a standard client's token is good for ping (ruling 9)."""
    reply = send(registry.url, "GET", PING, [("Authorization", f"{scheme} {access_token(registry.url, client)}")])
    assert (reply.status, reply.body) == (200, b'{"status":"ok"}')


def test_cve_2025_30204_a_million_dots_cost_nothing(registry: Registry) -> None:
    """A token of dots, below and beyond the limit of headers, is refused at once."""
    started = time.perf_counter()
    invalid_token(ping(registry, "." * 8_000))
    assert send(registry.url, "GET", "/healthz").status == 200
    with contextlib.suppress(ConnectionError):  # the server may close while we are still sending
        assert ping(registry, "." * 1_000_000).status in {400, 401, 431}
    assert send(registry.url, "GET", "/healthz").status == 200
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", LIST, "clients:read"),
        ("POST", "/v1/clients", "clients:write"),
        ("DELETE", "/v1/clients/x", "clients:write"),
        ("GET", "/v1/accounts?page_size=1&page_number=1", "accounts:read"),
        ("POST", "/v1/accounts", "accounts:write"),
    ],
)
def test_b03_b06_a_good_token_without_the_scope(registry: Registry, method: str, path: str, needed: str) -> None:
    """403, and the challenge says once each: realm, error and the scope that is missing."""
    scopes = {"clients:read", "clients:write", "accounts:read", "accounts:write"} - {needed}
    reply = registry.call(method, path, token=access_token(registry.url, registry.admin, " ".join(scopes)))
    assert (reply.status, reply.json["code"]) == (403, 40403)
    assert reply.one("WWW-Authenticate") == f'Bearer realm="clientry", error="insufficient_scope", scope="{needed}"'


def test_b03_a_standard_client_is_told_that_no_scope_would_help(registry: Registry, client: Credentials) -> None:
    """It needs to be an admin client: the message says so, and the challenge offers no scope to ask for."""
    reply = registry.call("GET", LIST, token=access_token(registry.url, client))
    assert (reply.status, "admin client" in reply.json["message"]) == (403, True)
    assert reply.all("WWW-Authenticate") == []


def test_b04_a_token_in_the_url_is_no_token(registry: Registry, client: Credentials) -> None:
    """It counts as absent, and its text is not in the answer."""
    token = access_token(registry.url, client)
    for parameter in ("access_token", "token", "Authorization"):
        reply = send(registry.url, "GET", f"{PING}?{parameter}={token}")
        assert reply.status == 401
        assert reply.one("WWW-Authenticate") == 'Bearer realm="clientry"'
        assert token.encode() not in reply.body


def test_b04_two_authorization_headers_are_refused(registry: Registry, client: Credentials) -> None:
    """Which of two is meant is not guessed, whatever the order, and even if they are the same."""
    good = bearer(access_token(registry.url, client))
    for headers in ([good, good], [good, ("Authorization", "Basic YTpi")], [bearer("x"), good]):
        reply = send(registry.url, "GET", PING, headers)
        assert (reply.status, reply.json["code"]) == (400, 40400)


def test_cve_2025_64521_tokens_stop_with_their_client(registry: Registry) -> None:
    """Disabling stops tokens and secret from the next request on; enabling revives the secret and not the tokens."""
    client = registry.create()
    token = access_token(registry.url, client)
    assert ping(registry, token).status == 200
    registry.update(client.client_id, enabled=False)
    invalid_token(ping(registry, token))
    assert ask_token(registry.url, client.form).status == 401
    registry.update(client.client_id, enabled=True)
    invalid_token(ping(registry, token))
    assert ping(registry, access_token(registry.url, client)).status == 200


def test_a_disabled_client_has_no_good_token_whatever_its_date(registry: Registry, server_key: SigningKey) -> None:
    """Also one that would be dated after the client was disabled is refused: the switch itself is read."""
    client = registry.create()
    claims = token_part(access_token(registry.url, client), 1)
    claims |= {"iat": claims["iat"] + 600, "exp": claims["exp"] + 600}
    token = server_key.sign(written(claims))
    assert ping(registry, token).status == 200
    registry.update(client.client_id, enabled=False)
    invalid_token(ping(registry, token))


def test_tokens_stop_when_their_client_is_deleted(registry: Registry) -> None:
    """Deleting is for ever: no token, old or new."""
    client = registry.create()
    token = access_token(registry.url, client)
    assert ping(registry, token).status == 200
    registry.delete(client.client_id)
    invalid_token(ping(registry, token))
    assert ask_token(registry.url, client.form).status == 401


def signed(registry: Registry, key: SigningKey, **changes: Any) -> str:
    """Return a good token of the admin client, signed by the key after some claims were changed, or removed by None."""
    claims = {**token_part(access_token(registry.url, registry.admin), 1), **changes}
    return key.sign(written({name: value for name, value in claims.items() if value is not None}))


def written(claims: dict[str, Any]) -> bytes:
    """Return claims as the server writes them, without a space."""
    return json.dumps(claims, separators=(",", ":")).encode()


def test_the_key_that_these_tests_sign_with_is_the_servers(registry: Registry, server_key: SigningKey) -> None:
    """An unchanged token that we sign with the server's own key is good; so what follows fails for its change alone."""
    assert ping(registry, signed(registry, server_key)).status == 200
    assert ping(registry, signed(registry, server_key, scope=None)).status == 200


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "iat", "exp", "jti", "client_id", "account_id", "client_type"])
def test_cve_2026_77637_a_token_without_a_claim_is_refused(
    registry: Registry, server_key: SigningKey, claim: str
) -> None:
    """Whatever claim is missing, the token is good for nothing, although our own key signed it."""
    invalid_token(ping(registry, signed(registry, server_key, **{claim: None})))


@pytest.mark.parametrize("bend", ["{url}/", "{url}x", "x{url}", "", "HTTP{url}", "{url}/tenant"])
def test_j06_issuer_and_audience_are_compared_exactly(registry: Registry, server_key: SigningKey, bend: str) -> None:
    """Neither a part nor an extension of our URL is our URL (CVE-2024-53861); a product's audience is not the API's."""
    other = bend.format(url=registry.url)
    for changes in ({"iss": other}, {"aud": [other]}, {"aud": [registry.url[:-1]]}, {"iss": registry.url[:-1]}):
        invalid_token(ping(registry, signed(registry, server_key, **changes)))


@pytest.mark.parametrize("aud", [[], ["urn:clientry:product:SuperSIM"], "x", [1], {}, [["x"]]])
def test_j06_a_token_for_another_api_is_refused(registry: Registry, server_key: SigningKey, aud: object) -> None:
    """A token whose audience is only a product, or no list of texts, does not open the registry."""
    invalid_token(ping(registry, signed(registry, server_key, aud=aud)))


@pytest.mark.parametrize("date", [-1, 1.5, "4102444800", True, [], float("nan"), float("inf"), 10**30])
@pytest.mark.parametrize("name", ["exp", "iat"])
def test_w07_a_date_is_a_whole_number_in_reach(
    registry: Registry, server_key: SigningKey, name: str, date: object
) -> None:
    """Negative, beyond all time, fractions, texts and NaN are refused cleanly."""
    invalid_token(ping(registry, signed(registry, server_key, **{name: date})))


@pytest.mark.parametrize("ago", [0, 1, 3600, 10**9])
def test_b02_an_expired_token_is_refused(registry: Registry, server_key: SigningKey, ago: int) -> None:
    """From the very second of `exp` on it is no longer good; a moment before it is."""
    now = int(time.time())
    assert ping(registry, signed(registry, server_key, exp=now + 60)).status == 200
    invalid_token(ping(registry, signed(registry, server_key, exp=now - ago)))


def test_b02_a_token_that_was_good_expires_while_it_is_used(registry: Registry, server_key: SigningKey) -> None:
    """That its signature was verified and remembered does not keep it alive."""
    token = signed(registry, server_key, exp=int(time.time()) + 2)
    assert ping(registry, token).status == 200
    time.sleep(2)
    invalid_token(ping(registry, token))


def test_w06_a_token_that_says_something_twice_is_refused(registry: Registry, server_key: SigningKey) -> None:
    """Of two members of one name nobody can know which is meant; an unknown member is not passed over either."""
    claims = written(token_part(access_token(registry.url, registry.admin), 1))
    assert ping(registry, server_key.sign(claims)).status == 200
    for more in (b',"scope":"clients:read"}', b',"account_id":"acct_other"}', b',"unknown":1}'):
        invalid_token(ping(registry, server_key.sign(claims[:-1] + more)))


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 6_000, b'{"iss":"\\ud800"}'])
def test_b02_a_signed_payload_that_is_no_claims_is_refused(
    registry: Registry, server_key: SigningKey, payload: bytes
) -> None:
    """Even what our own key signed must be claims."""
    invalid_token(ping(registry, server_key.sign(payload)))


def test_j06_a_token_of_another_server_is_refused(registry: Registry, start_server: Callable[..., Server]) -> None:
    """Another installation's token is foreign here, also for the same issuer and claims, and its `kid` is not looked up."""
    stranger = generate(Algorithm.ES256, time.time())
    invalid_token(ping(registry, signed(registry, stranger)))
    with start_server() as other:
        token = access_token(other.url, other.admin)
        invalid_token(ping(registry, token))
        assert other.request("GET", PING, token).status == 200


@pytest.mark.parametrize("typ", ["JWT", "dpop+jwt", "client-authentication+jwt", "token-introspection+jwt", None])
def test_j07_no_other_kind_of_jwt_is_an_access_token(
    registry: Registry, server_key: SigningKey, typ: str | None
) -> None:
    """The same claims under another `typ`, signed by our own key over exactly that header, are no access token."""
    token = signed(registry, server_key)
    header = {"typ": typ, "alg": "ES256", "kid": server_key.kid}
    key = copy.copy(server_key)
    key.header = b64(json.dumps({name: value for name, value in header.items() if value}).encode())
    invalid_token(ping(registry, key.sign(base64.urlsafe_b64decode(token.split(".")[1] + "=="))))


def test_j07_an_access_token_is_no_client_assertion(registry: Registry, client: Credentials) -> None:
    """It authenticates nobody at the token endpoint, in whatever parameter or header."""
    token = access_token(registry.url, client)
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    grant = {"grant_type": "client_credentials", "client_id": client.client_id}
    tries = [
        ask_token(registry.url, {**grant, "client_assertion": token, "client_assertion_type": kind}),
        ask_token(registry.url, {**grant, "client_secret": token}),
        ask_token(registry.url, grant, [bearer(token)]),
    ]
    assert {(reply.status, reply.json["error"]) for reply in tries} == {(401, "invalid_client")}


def test_o04_what_a_token_says_of_its_client_is_not_believed(registry: Registry, server_key: SigningKey) -> None:
    """A signed claim to be an admin client with every scope grants nothing: what counts is the registration."""
    client = registry.create()
    claims = token_part(access_token(registry.url, client), 1)
    claims |= {"scope": "clients:read clients:write", "client_type": "admin"}
    reply = registry.call("GET", LIST, token=server_key.sign(written(claims)))
    assert reply.status == 403


def test_w04_the_other_spelling_of_a_token_is_refused(registry: Registry) -> None:
    """Whoever has a token can write its signature's twin: a second text for the same token, which is none here."""
    assert ping(registry, registry.token).status == 200
    invalid_token(ping(registry, twin(registry.token)))


def test_a_scope_that_an_admin_client_lost_is_in_its_tokens_no_longer(server: Server, registry: Registry) -> None:
    """A token from before grants what its client still holds, and nothing of what was taken from it."""
    admin = admin_of(server, server.account_id)
    token = access_token(registry.url, admin)
    assert registry.call("GET", LIST, token=token).status == 200

    async def body(transaction: Transaction) -> None:
        old = await transaction.clients.get(admin.client_id)
        assert old is not None
        kept = tuple(scope for scope in old.resources if scope != "clients:read")
        await transaction.clients.replace(old, structs.replace(old, version=old.version + 1, resources=kept))

    async def take() -> None:
        async with storage_of(server.data) as storage:
            await storage.write(body)

    asyncio.run(take())
    reply = registry.call("GET", LIST, token=token)
    assert (reply.status, 'scope="clients:read"' in reply.one("WWW-Authenticate")) == (403, True)
    assert registry.call("GET", "/v1/accounts?page_size=1&page_number=1", token=token).status == 200
