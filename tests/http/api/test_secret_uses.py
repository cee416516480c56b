"""How secrets are used: when, where from, by what, how often; grace that begins with a first use; and when one can go."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import StartServer
from tests.support.eventually import eventually
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry
from tests.support.server import Server
from tests.support.wire import ask_token, send, token_request

WRITTEN = 5
"""Seconds within which a use is written: one, on a machine that has nothing else to do."""


def secrets_of(registry: Registry, client_id: str) -> list[dict[str, Any]]:
    reply = registry.call("GET", f"/v1/clients/{client_id}/secrets")
    assert reply.status == 200
    return reply.json["secrets"]


def rotate(registry: Registry, client_id: str, **fields: object) -> Credentials:
    reply = registry.call("POST", f"/v1/clients/{client_id}/secrets", fields)
    assert reply.status == 201
    return Credentials(client_id, reply.json["client_secret"])


def status(registry: Registry, credentials: Credentials) -> int:
    return ask_token(registry.url, credentials.form).status


def in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_the_last_use_and_the_uses_of_a_day_are_shown(registry: Registry) -> None:
    """Successful authentications are counted, each for its secret; failed ones are not; the last one is described."""
    client = registry.create()
    assert [one["last_used"] for one in secrets_of(registry, client.client_id)] == [None]
    before = datetime.now(UTC).replace(microsecond=0)
    method, path, headers, body = token_request(client.form)
    headers.append(("User-Agent", "billing/2.1 \xe9" + "x" * 300))
    for _ in range(3):
        assert send(registry.url, method, path, headers, body).status == 200
    assert status(registry, Credentials(client.client_id, client.client_secret + "x")) == 401
    eventually(lambda: secrets_of(registry, client.client_id)[0]["uses_last_24_hours"] == 3, WRITTEN)
    (one,) = secrets_of(registry, client.client_id)
    last = one["last_used"]
    assert before <= datetime.fromisoformat(last["at"]) <= datetime.now(UTC)
    assert last["address"] == "127.0.0.1"
    assert last["user_agent"].startswith("billing/2.1 ?")
    assert len(last["user_agent"]) == 200
    assert (one["safe_to_retire"], one["reason"]) == (False, "It is the only live secret of its client.")


def test_the_verdict_follows_the_use(registry: Registry) -> None:
    """Not while the newer secret was never used; then, of an old one that nobody uses; not of one that is in use."""
    client = registry.create()
    new = rotate(registry, client.client_id, others_end_after="24h")
    old, newest = secrets_of(registry, client.client_id)
    assert (old["safe_to_retire"], old["reason"]) == (False, "The newer secret has not been used yet.")
    assert (newest["safe_to_retire"], newest["reason"]) == (False, "It is the newest secret of its client.")
    assert status(registry, new) == 200
    eventually(lambda: secrets_of(registry, client.client_id)[0]["safe_to_retire"], WRITTEN)
    assert status(registry, client) == 200
    eventually(lambda: not secrets_of(registry, client.client_id)[0]["safe_to_retire"], WRITTEN)
    assert secrets_of(registry, client.client_id)[0]["reason"] == "It was used in the last 24 hours."


@pytest.mark.parametrize("grace", [0, 2])
def test_a_grace_period_begins_with_the_first_use_of_the_new_secret(registry: Registry, grace: int) -> None:
    """Until then the old secret lives, and would for 30 days more; then for the grace period only, which the audit trail shows."""
    client = registry.create()
    new = rotate(registry, client.client_id, others_end_after=grace, others_end_counted_from="first_use")
    old, _ = secrets_of(registry, client.client_id)
    assert old["ends_after_first_use_of_newer"] == grace
    assert abs(datetime.fromisoformat(old["expires_at"]) - in_days(30)) < timedelta(seconds=60)
    assert status(registry, client) == 200
    time.sleep(1.5)
    assert status(registry, client) == 200
    used = time.time()
    assert status(registry, new) == 200
    eventually(lambda: status(registry, client) == 401, grace + WRITTEN)
    assert time.time() >= int(used) + grace
    assert status(registry, new) == 200
    assert len(secrets_of(registry, client.client_id)) == 1


def test_a_grace_period_is_never_put_off(registry: Registry) -> None:
    """An end that is nearer than grace and wait stays; the new secret must outlive all of it."""
    client = registry.create()
    rotate(registry, client.client_id, others_end_after="1h")
    old, second = secrets_of(registry, client.client_id)
    registry.call("DELETE", f"/v1/clients/{client.client_id}/secrets/{second['secret_id']}")
    new = rotate(registry, client.client_id, others_end_after="7d", others_end_counted_from="first_use")
    assert secrets_of(registry, client.client_id)[0]["expires_at"] == old["expires_at"]
    assert status(registry, new) == 200
    eventually(lambda: secrets_of(registry, client.client_id)[0]["ends_after_first_use_of_newer"] is None, WRITTEN)
    assert secrets_of(registry, client.client_id)[0]["expires_at"] == old["expires_at"]


def test_silence_is_shown(registry: Registry) -> None:
    """How long the others may be silent is kept with them, and not with the new one."""
    client = registry.create()
    rotate(registry, client.client_id, others_end_after="7d", others_end_when_silent_for="24h")
    assert [one["ends_when_silent_for"] for one in secrets_of(registry, client.client_id)] == [86_400, None]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_crash_only_lengthens_a_grace_period(start_server: StartServer, postgres: Postgres, engine: str) -> None:
    """Killed right after the first use, the server has not begun the grace period: the next use begins it."""
    database = postgres.new_database() if engine == "postgresql" else None
    server = start_server(database=database)
    registry = Registry(server.url, server.admin)
    client = registry.create()
    new = rotate(registry, client.client_id, others_end_after=0, others_end_counted_from="first_use")
    while True:
        server = use_and_kill(server, new, start_server)
        registry = Registry(server.url, server.admin)
        if status(registry, client) == 200:
            break
        client, new = new, rotate(registry, client.client_id, others_end_after=0, others_end_counted_from="first_use")
    assert secrets_of(registry, client.client_id)[0]["ends_after_first_use_of_newer"] == 0
    assert status(registry, new) == 200
    eventually(lambda: status(registry, client) == 401, WRITTEN)


def use_and_kill(server: Server, credentials: Credentials, start_server: StartServer) -> Server:
    """Use a secret, kill the server before it has written that, and start it again."""
    assert ask_token(server.url, credentials.form).status == 200
    server.signal(9)
    server.wait()
    return start_server(server.data, database=server.database)


def test_a_server_that_is_stopped_writes_the_last_uses(start_server: StartServer) -> None:
    """What was used in the last second before a stop is there after the next start."""
    server = start_server()
    client = Registry(server.url, server.admin).create()
    assert ask_token(server.url, client.form).status == 200
    assert server.stop() == 0
    again = start_server(server.data)
    (one,) = secrets_of(Registry(again.url, again.admin), client.client_id)
    assert one["uses_last_24_hours"] == 1
