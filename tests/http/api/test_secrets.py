"""The secrets of a client: rotated without a pause, ended at once, never none and never three; and tokens that are revoked."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.registry import Credentials, Registry, access_token
from tests.support.wire import Reply, ask_token, bearer, send


def secrets_of(registry: Registry, client_id: str) -> list[dict[str, Any]]:
    reply = registry.call("GET", f"/v1/clients/{client_id}/secrets")
    assert reply.status == 200
    return reply.json["secrets"]


def create(registry: Registry, client_id: str, **fields: object) -> Reply:
    return registry.call("POST", f"/v1/clients/{client_id}/secrets", fields)


def status(registry: Registry, client_id: str, client_secret: str) -> int:
    return ask_token(registry.url, Credentials(client_id, client_secret).form).status


def test_a_secret_is_rotated_without_a_pause(registry: Registry) -> None:
    """Old and new both work until the old one's end, which comes by itself; the list shows both, and neither's text."""
    client = registry.create()
    reply = create(registry, client.client_id, others_end_after=2)
    assert reply.status == 201
    made = reply.json
    assert made["client_secret"] != client.client_secret
    assert made["hint"] == made["client_secret"][-4:]
    assert made["expires_at"] is None
    listed = registry.call("GET", f"/v1/clients/{client.client_id}/secrets")
    assert [one["hint"] for one in listed.json["secrets"]] == [client.client_secret[-4:], made["hint"]]
    assert listed.json["secrets"][0]["expires_at"] is not None
    assert made["client_secret"].encode() not in listed.body
    assert [status(registry, client.client_id, text) for text in (client.client_secret, made["client_secret"])] == [
        200,
        200,
    ]
    time.sleep(3)
    assert [status(registry, client.client_id, text) for text in (client.client_secret, made["client_secret"])] == [
        401,
        200,
    ]
    assert [one["secret_id"] for one in secrets_of(registry, client.client_id)] == [made["secret_id"]]


def test_there_are_never_three(registry: Registry) -> None:
    """A third live secret is a 409 that says what to do, and changes nothing; after a deletion there is room."""
    client = registry.create()
    second = create(registry, client.client_id, others_end_after="24h").json
    refused = create(registry, client.client_id, others_end_after="24h")
    assert refused.status == 409
    assert "others_end_after 0" in refused.json["message"]
    before = secrets_of(registry, client.client_id)
    assert len(before) == 2
    gone = registry.call("DELETE", f"/v1/clients/{client.client_id}/secrets/{before[0]['secret_id']}")
    assert gone.status == 204
    assert status(registry, client.client_id, client.client_secret) == 401
    assert status(registry, client.client_id, second["client_secret"]) == 200
    assert create(registry, client.client_id, others_end_after="1h").status == 201


def test_in_an_emergency_one_call_ends_every_other_secret(registry: Registry) -> None:
    """With 0 all that were live are refused from the next request on, and the new one works."""
    client = registry.create()
    second = create(registry, client.client_id, others_end_after="30d").json
    new = create(registry, client.client_id, others_end_after=0)
    assert new.status == 201
    texts = (client.client_secret, second["client_secret"], new.json["client_secret"])
    assert [status(registry, client.client_id, text) for text in texts] == [401, 401, 200]


def test_an_end_is_never_put_off(registry: Registry) -> None:
    """A secret that ends in an hour still does when another one is made that would leave it a day."""
    client = registry.create()
    create(registry, client.client_id, others_end_after="1h")
    first, second = secrets_of(registry, client.client_id)
    registry.call("DELETE", f"/v1/clients/{client.client_id}/secrets/{second['secret_id']}")
    create(registry, client.client_id, others_end_after="24h")
    assert secrets_of(registry, client.client_id)[0] == first


def test_a_secret_can_be_born_with_its_end(registry: Registry) -> None:
    """It works until then and not after, and it must outlive those beside it."""
    client = registry.create()
    soon = (datetime.now(UTC) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert create(registry, client.client_id, others_end_after="1h", expires_at=soon).status == 400
    made = create(registry, client.client_id, others_end_after=0, expires_at=soon)
    assert made.status == 201
    assert made.json["expires_at"] == soon
    assert status(registry, client.client_id, made.json["client_secret"]) == 200
    time.sleep(3.1)
    assert status(registry, client.client_id, made.json["client_secret"]) == 401
    assert secrets_of(registry, client.client_id) == []


def test_the_last_secret_of_an_enabled_client_stays(registry: Registry) -> None:
    """Deleting it is a 409; when the client is disabled it can be deleted."""
    client = registry.create()
    path = f"/v1/clients/{client.client_id}/secrets/{secrets_of(registry, client.client_id)[0]['secret_id']}"
    refused = registry.call("DELETE", path)
    assert refused.status == 409
    assert "last live secret" in refused.json["message"]
    registry.update(client.client_id, enabled=False)
    assert registry.call("DELETE", path).status == 204
    assert registry.call("DELETE", path).status == 404


def test_a_lock_protects_the_secrets(registry: Registry) -> None:
    """While a client is locked it gets no new secret; one of two can be ended, for a leak is stopped at once."""
    client = registry.create()
    second = create(registry, client.client_id, others_end_after="24h").json["client_secret"]
    registry.update(client.client_id, locked=True)
    assert create(registry, client.client_id, others_end_after=0).status == 409
    one = secrets_of(registry, client.client_id)[0]["secret_id"]
    assert registry.call("DELETE", f"/v1/clients/{client.client_id}/secrets/{one}").status == 204
    assert status(registry, *client) == 401
    assert status(registry, client.client_id, second) == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "others_end_after is required"),
        ({"others_end_after": -1}, "others_end_after must be 0 to 2592000"),
        ({"others_end_after": 2_592_001}, "others_end_after must be"),
        ({"others_end_after": "soon"}, "others_end_after must be"),
        ({"others_end_after": True}, "others_end_after must be"),
        (
            {"others_end_after": 0, "others_end_counted_from": "now"},
            "others_end_counted_from must be creation or first_use",
        ),
        (
            {"others_end_after": 0, "others_end_when_silent_for": 3599},
            "others_end_when_silent_for must be 3600 to 2592000",
        ),
        ({"others_end_after": 0, "others_end_when_silent_for": None}, "others_end_when_silent_for must be"),
        ({"others_end_after": 0, "expires_at": "2001-01-01T00:00:00Z"}, "expires_at must be a time in the future"),
        ({"others_end_after": 0, "expires_at": "2100-01-01T00:00:00"}, "expires_at must be"),
        ({"others_end_after": 0, "expires_at": "tomorrow"}, "expires_at must be"),
        ({"others_end_after": 0, "client_secret": "mine"}, "client_secret is not a field"),
    ],
)
def test_bad_input_is_told_by_its_field(
    registry: Registry, client: Credentials, fields: dict[str, Any], message: str
) -> None:
    """What is missing, out of range or not a field is a 400 that says so."""
    reply = create(registry, client.client_id, **fields)
    assert reply.status == 400
    assert message in reply.json["message"]


@pytest.mark.parametrize(("overlap", "winners"), [(0, 50), ("24h", 1)])
def test_f13_rotations_at_once_leave_never_none_and_never_three(
    registry: Registry, overlap: object, winners: int
) -> None:
    """50 emergencies at once: one secret works in the end. 50 rotations at once: one is made, the others hear 409."""
    client = registry.create()
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(create, registry, client.client_id, others_end_after=overlap) for _ in range(50)]
        replies = [one.result() for one in asked]
    made = [reply.json["client_secret"] for reply in replies if reply.status == 201]
    assert len(made) == winners
    assert {reply.status for reply in replies} <= {201, 409}
    works = [text for text in (client.client_secret, *made) if status(registry, client.client_id, text) == 200]
    live = secrets_of(registry, client.client_id)
    assert sorted(one["hint"] for one in live) == sorted(text[-4:] for text in works)
    assert len(works) == (1 if overlap == 0 else 2)


def test_a_rotation_changes_the_clients_version(registry: Registry) -> None:
    """An update with the ETag from before a rotation is a 412."""
    client = registry.create()
    etag = registry.call("GET", f"/v1/clients/{client.client_id}").one("ETag")
    create(registry, client.client_id, others_end_after=0)
    headers = [bearer(registry.token), ("Content-Type", "application/json"), ("If-Match", etag)]
    reply = send(registry.url, "PATCH", f"/v1/clients/{client.client_id}", headers, b'{"name": "x"}')
    assert reply.status == 412


def test_tokens_revoked_twice_in_a_second_are_dead(registry: Registry) -> None:
    """A token from between two revocations is dead after the second one, however close they are, and so are those of a tree."""
    client = registry.create()
    account = registry.call("GET", f"/v1/clients/{client.client_id}").json["client"]["account_id"]
    for path in (f"/v1/clients/{client.client_id}", f"/v1/clients/{client.client_id}", f"/v1/accounts/{account}"):
        token = ask_token(registry.url, client.form).json["access_token"]
        assert registry.call("GET", "/v1/ping", token=token).status == 200
        assert registry.call("POST", f"{path}/revoke_tokens").status == 200
        assert registry.call("GET", "/v1/ping", token=token).status == 401
        registry.token = access_token(registry.url, registry.admin)


def test_revoked_tokens_are_dead_and_new_ones_are_not(registry: Registry) -> None:
    """Every token from before is refused by this API from the next request on, also of a locked client; a new one is good."""
    client = registry.create()
    registry.update(client.client_id, locked=True)
    old = ask_token(registry.url, client.form).json["access_token"]
    assert registry.call("GET", "/v1/ping", token=old).status == 200
    reply = registry.call("POST", f"/v1/clients/{client.client_id}/revoke_tokens")
    assert reply.status == 200
    assert reply.json["client"]["client_id"] == client.client_id
    assert registry.call("GET", "/v1/ping", token=old).status == 401
    new = ask_token(registry.url, client.form).json["access_token"]
    assert registry.call("GET", "/v1/ping", token=new).status == 200
