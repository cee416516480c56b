"""The token endpoint over real HTTP, line by line of the checklist: what it takes, and what it refuses."""

import contextlib
import string
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.registry import Credentials, Registry
from tests.support.wire import FORM, TOKEN_PATH, Reply, ask_token, basic, refused, send

from clientry.http.oauth.token import _basic  # what Basic credentials say is decided here alone
from clientry.oauth2 import InvalidClient

GRANT = "grant_type=client_credentials"
OVER_HTTP = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_t01_only_post(registry: Registry, method: str) -> None:
    """Every other method is 405, and Allow names POST."""
    reply = send(registry.url, method, TOKEN_PATH)
    assert reply.status == 405
    assert "POST" in reply.one("Allow").split(", ")
    assert "GET" not in reply.one("Allow")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        f"{FORM}; charset=latin-1",
        f"{FORM};a=b",
    ],
)
def test_t02_only_forms_in_utf_8(registry: Registry, client: Credentials, media_type: str) -> None:
    """A body of another type or charset is no form."""
    refused(ask_token(registry.url, client.form, media_type=media_type), 400, "invalid_request")


@pytest.mark.parametrize(
    "body", [b"{}", b"grant_type=%", b"grant_type=%zz", b"grant_type=%ff", b"\xff\xfe=1", b"a=1&" * 200]
)
def test_t02_a_broken_form_is_invalid(registry: Registry, body: bytes) -> None:
    """A body that is no form, or no UTF-8, or has too many parameters is refused and not guessed at."""
    reply = ask_token(registry.url, body)
    assert reply.status in {400, 401}
    assert reply.json["error"] in {"invalid_request", "invalid_client"}


@pytest.mark.parametrize("media_type", [FORM, FORM.upper(), f"{FORM}; charset=UTF-8", f'{FORM};charset="utf-8"'])
def test_t02_spellings_of_the_media_type(registry: Registry, client: Credentials, media_type: str) -> None:
    """The media type has no case, and may say that it is UTF-8."""
    assert ask_token(registry.url, client.form, media_type=media_type).status == 200


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope", "unheard_of"])
@pytest.mark.parametrize("again", ["", "x"])
def test_t03_a_repeated_parameter_is_refused(registry: Registry, client: Credentials, name: str, again: str) -> None:
    """Whatever occurs twice is refused, known or not, also with the same or an empty value."""
    form = {**client.form, "scope": "SuperSIM", "unheard_of": "1"}
    for value in (again, form[name]):
        refused(ask_token(registry.url, [*form.items(), (name, value)]), 400, "invalid_request")


def test_t04_t05_empty_scope_and_unknown_parameters(registry: Registry, client: Credentials) -> None:
    """An empty scope counts as none, and a parameter that we do not know changes nothing."""
    plain = ask_token(registry.url, client.form)
    for extra in ({"scope": ""}, {"unheard_of": "1", "audience": "x"}):
        reply = ask_token(registry.url, {**client.form, **extra})
        assert (reply.status, reply.json["scope"]) == (200, plain.json["scope"])


def test_t06_credentials_in_the_url_are_never_taken(registry: Registry, client: Credentials) -> None:
    """A secret in the query string authenticates nobody, and even beside good credentials it is refused aloud."""
    url = f"{TOKEN_PATH}?{urlencode(client.form)}"
    for body in (GRANT.encode(), urlencode(client.form).encode()):
        reply = send(registry.url, "POST", url, [("Content-Type", FORM)], body)
        refused(reply, 401, "invalid_client")
        assert reply.one("WWW-Authenticate").startswith("Basic ")
        assert client.client_secret.encode() not in reply.body
    only_id = f"{TOKEN_PATH}?client_id={client.client_id}&grant_type=client_credentials"
    nothing = send(
        registry.url, "POST", only_id, [("Content-Type", FORM)], f"client_secret={client.client_secret}".encode()
    )
    refused(nothing, 401, "invalid_client")


def test_t07_two_ways_to_authenticate_are_refused(registry: Registry, client: Credentials) -> None:
    """Basic beside a secret or an assertion, a secret beside an assertion, two headers: each is 400."""
    header = basic(*client)
    grant = {"grant_type": "client_credentials"}
    assertion = {
        "client_assertion": "x",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    tries = [
        ask_token(registry.url, client.form, [header]),
        ask_token(registry.url, {**grant, **assertion}, [header]),
        ask_token(registry.url, {**client.form, **assertion}),
        ask_token(registry.url, grant, [header, header]),
        ask_token(registry.url, grant, [header, ("Authorization", "Bearer x")]),
    ]
    for reply in tries:
        refused(reply, 400, "invalid_request")


def test_t08_client_id_beside_basic(registry: Registry, client: Credentials) -> None:
    """The same client_id in the body is accepted, another one is a confusion of identities and refused."""
    grant = {"grant_type": "client_credentials"}
    same = ask_token(registry.url, {**grant, "client_id": client.client_id}, [basic(*client)])
    other = ask_token(registry.url, {**grant, "client_id": registry.admin.client_id}, [basic(*client)])
    assert same.status == 200
    refused(other, 400, "invalid_request")


@given(st.text(min_size=1).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)), st.text(min_size=1))
def test_t09_basic_round_trips_every_text(user: str, password: str) -> None:
    """Whatever is form-urlencoded, joined by a colon and base64-encoded is read back as it was (RFC 6749 section 2.3.1)."""
    password = password.encode("utf-8", "replace").decode()
    assert _basic(basic(quote_plus(user), quote_plus(password))[1].encode()) == (user, password)
    assert _basic(basic(quote(user, safe=""), quote(password, safe=""))[1].encode()) == (user, password)


@OVER_HTTP
@given(st.data())
def test_t09_every_encoding_of_the_credentials_works(
    registry: Registry, client: Credentials, data: st.DataObject
) -> None:
    """However many characters of id and secret are escaped, in Basic or in the body, the client is known."""
    escaped = [
        "".join(f"%{ord(c):02{data.draw(st.sampled_from('xX'))}}" if data.draw(st.booleans()) else c for c in text)
        for text in (client.client_id, client.client_secret[:8])
    ]
    escaped[1] += client.client_secret[8:]
    assert ask_token(registry.url, GRANT.encode(), [basic(*escaped)]).status == 200
    in_body = f"{GRANT}&client_id={escaped[0]}&client_secret={escaped[1]}".encode()
    assert ask_token(registry.url, in_body).status == 200


def test_t09_credentials_need_no_encoding(client: Credentials) -> None:
    """Ids and secrets are made of unreserved characters alone, so clients that do not encode work too."""
    unreserved = set(string.ascii_letters + string.digits + "-_")
    assert set(client.client_id + client.client_secret) <= unreserved


MALFORMED_BASIC: list[tuple[str, str | bytes]] = [
    ("Authorization", header)
    for header in (
        "Basic",
        "Basic ",
        "Basic ???",
        "Basic YQ",
        "Basic YTpi=YTpi",
        "Basic YTpi YTpi",
        "Bearer YTpi",
        "Negotiate x",
        "Basic " + "YTpi" * 1000,
        b"Basic \xff\xfe",
    )
] + [
    basic(b"\xff\xfe", b"x"),
    basic("", "x"),
    basic("x", ""),
    basic("a\0b", "c\0d"),
    basic("%zz", "x"),
    basic("%ff", "x"),
]


@pytest.mark.parametrize("header", [*MALFORMED_BASIC, ("Authorization", "Basic bm9jb2xvbg==")])
def test_t10_t12_malformed_basic_is_a_failed_authentication(
    registry: Registry, header: tuple[str, str | bytes]
) -> None:
    """Every broken Authorization header is 401 with a challenge, never a fault."""
    reply = ask_token(registry.url, GRANT.encode(), [header])
    refused(reply, 401, "invalid_client")
    assert reply.one("WWW-Authenticate") == 'Basic realm="clientry", charset="UTF-8"'


def test_t10_a_basic_header_of_64_kb_is_no_fault(registry: Registry) -> None:
    """A header beyond every limit is refused."""
    assert ask_token(registry.url, GRANT.encode(), [basic("x", "y" * 48_000)]).status in {400, 401, 431}


@given(st.binary(max_size=200))
def test_t10_no_basic_header_is_a_fault(header: bytes) -> None:
    """Whatever bytes stand behind the scheme, the outcome is two texts or invalid_client."""
    with contextlib.suppress(InvalidClient):
        assert all(_basic(b"Basic " + header))


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
def test_t11_the_scheme_has_no_case(registry: Registry, client: Credentials, scheme: str) -> None:
    """RFC 9110 section 11.1."""
    assert ask_token(registry.url, GRANT.encode(), [basic(*client, scheme=scheme)]).status == 200


OTHER_GRANTS = [
    "password",
    "authorization_code",
    "refresh_token",
    "implicit",
    "CLIENT_CREDENTIALS",
    "client_credentials ",
]


@pytest.mark.parametrize("grant", OTHER_GRANTS)
def test_t14_there_is_no_other_grant(registry: Registry, client: Credentials, grant: str) -> None:
    """Whatever else is asked for, by a client that authenticates, is an unsupported grant."""
    form = {**client.form, "grant_type": grant, "username": "u", "password": "p", "code": "c", "refresh_token": "r"}
    refused(ask_token(registry.url, form), 400, "unsupported_grant_type")


def test_t14_no_grant_is_an_invalid_request(registry: Registry, client: Credentials) -> None:
    """A request without grant_type, or with an empty one, lacks a parameter."""
    for form in (client._asdict(), {**client.form, "grant_type": ""}):
        refused(ask_token(registry.url, form), 400, "invalid_request")


@OVER_HTTP
@given(
    st.dictionaries(st.sampled_from(["grant_type", "scope", "client_id", "client_secret", "x"]), st.text(max_size=20))
)
def test_t15_t16_errors_hold_plain_bytes_and_are_not_stored(registry: Registry, form: dict[str, str]) -> None:
    """Whatever is sent, error and description stay in the bytes of section 5.2, and no answer may be kept."""
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in form.items()}
    not_stored(ask_token(registry.url, clean))
    reply = ask_token(registry.url, {**registry.admin.form, "scope": clean.get("x", '"\\\r\n')})
    not_stored(reply)


def not_stored(reply: Reply) -> None:
    """Assert T15 and T16 of one answer."""
    assert reply.one("Cache-Control") == "no-store"
    assert reply.one("Pragma") == "no-cache"
    assert reply.one("Content-Type") == "application/json"
    assert reply.status in {200, 400, 401, 405, 413}
    for name in {"error", "error_description"} & set(reply.json):
        assert all(0x20 <= ord(c) <= 0x7E and c not in '"\\' for c in reply.json[name])


def test_t16_every_kind_of_answer_is_not_stored(registry: Registry, client: Credentials) -> None:
    """Success, refusals of the method, the type and the size: all say no-store."""
    not_stored(ask_token(registry.url, client.form))
    not_stored(send(registry.url, "GET", TOKEN_PATH))
    not_stored(ask_token(registry.url, client.form, media_type="text/plain"))
    not_stored(ask_token(registry.url, b"x=" + b"y" * 65_536))
