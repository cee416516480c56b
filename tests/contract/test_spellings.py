"""Ruling 22: spellings that other programs use, and that mean the same."""

import json
from urllib.parse import urlencode

import pytest
from tests.contract.tenant import Tenant, body, new_tenant
from tests.support.server import Server
from tests.support.wire import FORM, TOKEN_PATH, Reply, send

CHARSETS = ("", ";charset=utf-8", "; charset=UTF8", '; charset="utf8"', "; charset=utf-8;", ' ; Charset = "UTF-8" ')
OTHER_CHARSETS = (
    "; charset=latin1",
    "; charset=utf-16",
    "; charset=",
    "; boundary=x",
    '; charset="utf-8',
    "; charset=utf--8",
)


@pytest.fixture(scope="module")
def tenant(server: Server) -> Tenant:
    """Give an account of these tests' own."""
    return new_tenant(server)


def create(tenant: Tenant, content: bytes, media_type: str = "application/json") -> Reply:
    return send(
        tenant.registry.url, "POST", "/v1/clients", [tenant.registry.bearer, ("Content-Type", media_type)], content
    )


def change(tenant: Tenant, content: str) -> Reply:
    client = tenant.registry.create()
    headers = [tenant.registry.bearer, ("Content-Type", "application/json")]
    return send(tenant.registry.url, "PATCH", f"/v1/clients/{client.client_id}", headers, content.encode())


def test_utf8_may_be_written_in_either_way_wherever_a_body_is_read(tenant: Tenant) -> None:
    """The token endpoint and the registry take the same spellings of UTF-8, and refuse the same others."""
    form = urlencode(tenant.admin.form).encode()
    for charsets, statuses in ((CHARSETS, (200, 201)), (OTHER_CHARSETS, (400, 415))):
        for charset in charsets:
            token = send(tenant.registry.url, "POST", TOKEN_PATH, [("Content-Type", FORM + charset)], form)
            created = create(tenant, json.dumps(body()).encode(), "application/json" + charset)
            assert (token.status, created.status) == statuses, charset


@pytest.mark.parametrize("written", ["3600.0", "3.6e3", "36E2", "3600.000000000000000000000", "3600"])
def test_a_whole_number_may_be_written_with_a_fraction(tenant: Tenant, written: str) -> None:
    """JSON has one kind of numbers: 3600.0 is 3600, and answered as that."""
    reply = change(tenant, f'{{"token_lifetime": {written}}}')
    assert reply.status == 200, reply
    assert b'"token_lifetime":3600' in reply.body.replace(b" ", b"").replace(b"3600.0", b"?")


@pytest.mark.parametrize(
    "written", ["3600.5", "3600.00000000000000000000001", "1e400", "-0.0", "9007199254740993.0", "1e999999999"]
)
def test_a_number_that_is_not_whole_is_none(tenant: Tenant, written: str) -> None:
    """Neither what is rounded to a whole number, nor what is too large to be exact; and nothing of it takes long."""
    reply = change(tenant, f'{{"token_lifetime": {written}}}')
    assert (reply.status, "token_lifetime" in reply.json["message"]) == (400, True)


@pytest.mark.parametrize("written", ["2099-12-31T23:59:59z", "2099-12-31t23:59:59z", "2100-01-01T00:59:59+01:00"])
def test_the_letters_of_a_time_may_be_small(tenant: Tenant, written: str) -> None:
    """RFC 3339 section 5.6; the answer has capitals."""
    reply = change(tenant, json.dumps({"expires_at": written}))
    assert (reply.status, reply.json["client"]["expires_at"]) == (200, "2099-12-31T23:59:59Z")


def test_a_byte_order_mark_before_json_is_skipped(tenant: Tenant) -> None:
    """Some programs begin whatever they write with one; a second one is no JSON."""
    content = json.dumps(body()).encode()
    assert create(tenant, b"\xef\xbb\xbf" + content).status == 201
    assert create(tenant, b"\xef\xbb\xbf\xef\xbb\xbf" + content).status == 400


@pytest.mark.parametrize("end", ["%2Fsecrets", "%2fsecrets", "%2F", "%252Fsecrets", "%00", "%0A"])
def test_a_segment_is_matched_before_it_is_decoded(tenant: Tenant, end: str) -> None:
    """What looks like a path inside of an id is an unknown client: byte for byte the 404 of one that never existed."""
    client = tenant.registry.create()
    unknown = tenant.registry.call("GET", "/v1/clients/apiclient_" + "0" * 26)
    assert unknown.status == 404
    for method in ("GET", "DELETE"):
        reply = tenant.registry.call(method, f"/v1/clients/{client.client_id}{end}")
        assert (reply.status, reply.body) == (404, unknown.body)
    assert tenant.registry.call("GET", f"/v1/clients/{client.client_id}/secrets").status == 200
