"""What the token endpoint gives: the answer of RFC 6749 section 5.1, and a token of RFC 9068."""

import base64
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.registry import Credentials, Registry, access_token, token_part
from tests.support.wire import Reply, ask_token

RESOURCES = "clients:read clients:write accounts:read accounts:write"
URN = "urn:clientry:product:"


def test_t17_t18_the_answer(registry: Registry, client: Credentials) -> None:
    """Exactly access_token, expires_in, token_type and scope, never a refresh token; the lifetime is one hour."""
    answer = ask_token(registry.url, client.form).json
    assert set(answer) == {"access_token", "expires_in", "token_type", "scope"}
    assert (answer["expires_in"], answer["token_type"]) == (3600, "Bearer")
    assert type(answer["expires_in"]) is int


def test_t18_t19_scope_is_what_the_client_holds_or_the_part_asked_for(registry: Registry, client: Credentials) -> None:
    """No scope means all of the client's own and not all that there is; a part is granted as that part, in our order."""
    assert ask_token(registry.url, client.form).json["scope"] == "SuperSIM ProgrammableWireless"
    assert ask_token(registry.url, registry.admin.form).json["scope"] == f"{RESOURCES} SuperSIM ProgrammableWireless"
    for asked, granted in {
        "SuperSIM": "SuperSIM",
        "ProgrammableWireless SuperSIM": "SuperSIM ProgrammableWireless",
        "SuperSIM SuperSIM": "SuperSIM",
    }.items():
        reply = ask_token(registry.url, {**client.form, "scope": asked})
        assert reply.json["scope"] == granted
        assert token_part(reply.json["access_token"], 1)["scope"] == granted


def test_t19_a_client_without_scopes_gets_a_token_without(registry: Registry) -> None:
    """Its answer says scope "", and its token has no scope claim (J03) and this API alone as its audience."""
    answer = ask_token(registry.url, registry.create(products=()).form).json
    claims = token_part(answer["access_token"], 1)
    assert answer["scope"] == ""
    assert "scope" not in claims
    assert claims["aud"] == [registry.url]


@pytest.mark.parametrize(
    "scope",
    [
        "supersim",
        "SuperSIM  ProgrammableWireless",
        " SuperSIM",
        "SuperSIM ",
        "SuperSIM\tProgrammableWireless",
        "SuperSIM\n",
        'SuperSIM "',
        "SuperSIM \\",
        "Süper",
        "SuperSIM,ProgrammableWireless",
        "Unknown",
        "SuperSIM clients:read",
        " ",
        "\0",
    ],
)
def test_t14_t20_a_scope_is_what_it_is_or_refused(registry: Registry, client: Credentials, scope: str) -> None:
    """Another case, separator, unknown name, or more than the client holds: invalid_scope, and nothing is granted."""
    reply = ask_token(registry.url, {**client.form, "scope": scope})
    assert (reply.status, reply.json["error"]) == (400, "invalid_scope")


def test_t18_scopes_follow_the_registration_at_once(registry: Registry) -> None:
    """A product that is taken away is in no new token, and asking for it is refused."""
    client = registry.create()
    registry.update(client.client_id, scopes={"products": ["SuperSIM"]})
    assert ask_token(registry.url, client.form).json["scope"] == "SuperSIM"
    assert ask_token(registry.url, {**client.form, "scope": "ProgrammableWireless"}).json["error"] == "invalid_scope"


def test_j01_j02_j03_j08_header_and_claims(registry: Registry, client: Credentials) -> None:
    """The header names type, algorithm and key; the claims are exactly those of the design, and nothing private."""
    before = int(time.time())
    token = access_token(registry.url, client)
    header, claims = token_part(token, 0), token_part(token, 1)
    account = registry.call("GET", f"/v1/clients/{client.client_id}").json["client"]["account_id"]
    assert (header.keys(), header["typ"], header["alg"]) == ({"typ", "alg", "kid"}, "at+jwt", "ES256")
    assert before <= claims.pop("iat") <= time.time()
    assert claims.pop("exp") - before in range(3600, 3605)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", claims.pop("jti"))
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{8}", mark) for mark in claims["marks"])
    assert len(claims.pop("marks")) == 2
    assert claims == {
        "iss": registry.url,
        "sub": client.client_id,
        "aud": [registry.url, f"{URN}SuperSIM", f"{URN}ProgrammableWireless"],
        "client_id": client.client_id,
        "scope": "SuperSIM ProgrammableWireless",
        "account_id": account,
        "client_type": "standard",
    }


def test_ruling_13_the_audience_follows_the_products_that_are_granted(registry: Registry, client: Credentials) -> None:
    """A token that was asked for less is for fewer: this API, and the products whose scopes it has."""
    narrow = token_part(access_token(registry.url, client, "SuperSIM"), 1)
    assert narrow["aud"] == [registry.url, f"{URN}SuperSIM"]
    reading = token_part(access_token(registry.url, registry.admin, "clients:read"), 1)
    assert reading["aud"] == [registry.url]
    everything = token_part(access_token(registry.url, registry.admin), 1)
    assert everything["aud"] == [registry.url, f"{URN}SuperSIM", f"{URN}ProgrammableWireless"]


@pytest.mark.parametrize(("lifetime", "seconds"), [(300, 300), ("1h", 3600), ("24h", 86_400), (63_072_000, 63_072_000)])
def test_t17_the_lifetime_is_the_clients(registry: Registry, lifetime: int | str, seconds: int) -> None:
    """`expires_in` and the distance of `exp` and `iat` are the client's token lifetime."""
    client = registry.create()
    registry.update(client.client_id, token_lifetime=lifetime)
    answer = ask_token(registry.url, client.form).json
    claims = token_part(answer["access_token"], 1)
    assert (answer["expires_in"], claims["exp"] - claims["iat"]) == (seconds, seconds)


def test_t22_n01_secrets_have_256_random_bits(client: Credentials) -> None:
    """43 base62 digits, of which no two secrets share a run, behind the prefix and before the checksum."""
    assert re.fullmatch(r"cs_[0-9A-Za-z]{49}", client.client_secret)
    assert 62**43 > 2**256


def test_t22_j10_token_ids_are_unique_under_concurrency(registry: Registry, client: Credentials) -> None:
    """Hundreds of tokens issued side by side have as many ids, each of 128 bits."""

    def ask(_: int) -> Reply:
        return ask_token(registry.url, client.form)

    with ThreadPoolExecutor(8) as pool:
        ids = [token_part(reply.json["access_token"], 1)["jti"] for reply in pool.map(ask, range(300))]
    assert len(set(ids)) == 300
    assert {len(base64.urlsafe_b64decode(jti + "==")) for jti in ids} == {16}


def test_s05_a_client_cannot_choose_its_id(registry: Registry) -> None:
    """`client_id` in a request to create is refused, and the subject of a token is always an id that we made."""
    body = {"name": "x", "locked": False, "scopes": {}, "client_id": "apiclient_" + "0" * 26}
    reply = registry.call("POST", "/v1/clients", body)
    assert (reply.status, "client_id" in reply.json["message"]) == (400, True)
    assert token_part(access_token(registry.url, registry.create()), 1)["sub"].startswith("apiclient_")
