"""Fifty who want the same at once, on two nodes: rotations of one client (F13), and retries with one Idempotency-Key."""

import json
import os
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.conftest import StartServer
from tests.faults.conftest import TwoNodes
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry
from tests.support.server import Server
from tests.support.wire import Reply, Wire, ask_token, bearer

AT_ONCE = 50
ROUNDS = int(os.environ.get("CLIENTRY_RACE_ROUNDS", "0"))
PUBLIC = {"CLIENTRY_PUBLIC_URL": "https://clientry.example"}

Request = tuple[str, str, object, str | None]


class Crowd:
    """Fifty connections, half to one node and half to the other, whose requests all go out at the same moment."""

    def __init__(self, urls: list[str], token: str) -> None:
        self._wires = [Wire(urls[number % len(urls)]) for number in range(AT_ONCE)]
        self._headers = [bearer(token), ("Content-Type", "application/json")]
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._barrier = threading.Barrier(AT_ONCE)

    def send(self, requests: list[Request]) -> list[Reply]:
        """Send one request (method, path, body, Idempotency-Key) on each connection, and return the answers in order."""
        return list(self._pool.map(self._one, self._wires, requests))

    def _one(self, wire: Wire, request: Request) -> Reply:
        method, path, body, key = request
        headers = self._headers if key is None else [*self._headers, ("Idempotency-Key", key)]
        sent = None if body is None else json.dumps(body).encode()
        self._barrier.wait(30)
        return wire.send(method, path, headers, sent)

    def close(self) -> None:
        self._pool.shutdown()


@pytest.fixture
def rounds(full: bool) -> int:
    """Say how many rounds there is time for."""
    return ROUNDS or (1000 if full else 25)


@pytest.fixture(params=["sqlite", "postgresql"])
def crowd(
    request: pytest.FixtureRequest, start_server: StartServer, two_nodes: TwoNodes, postgres: Postgres
) -> Iterator[tuple[Crowd, Registry]]:
    """Give fifty connections to two nodes of a PostgreSQL database, or two workers on an embedded one; and the registry."""
    if request.param == "postgresql":
        servers: tuple[Server, ...] = two_nodes(postgres.new_database(), PUBLIC)
    else:
        servers = (start_server(env={**PUBLIC, "CLIENTRY_WORKERS": "2"}),)
    registry = Registry(servers[0].url, servers[0].admin)
    connected = Crowd([server.url for server in servers], registry.token)
    yield connected, registry
    connected.close()


ENDS: list[dict[str, object]] = [
    {"others_end_after": 86_400},
    {"others_end_after": 3600, "others_end_counted_from": "first_use"},
    {"others_end_after": 0},
]
KINDS = len(ENDS) + 1


@pytest.mark.timeout(3600)
def test_f13_rotations_at_once_leave_one_secret_or_two(crowd: tuple[Crowd, Registry], rounds: int) -> None:
    """Of 50 rotations and endings at once each is done wholly or refused; never none and never three secrets are live."""
    together, registry = crowd
    for number in range(rounds):
        client = registry.create()
        path = f"/v1/clients/{client.client_id}/secrets"
        (first,) = _live(registry, path)
        answers = together.send(_rotations(number, path, first["secret_id"]))
        made = {reply.json["secret_id"]: reply.json["client_secret"] for reply in answers if reply.status == 201}
        ended = [reply for reply in answers if reply.status == 204]
        listed = [reply for reply in answers if reply.status == 200]
        refused = [reply for reply in answers if reply.status == 409]
        gone = [reply for reply in answers if reply.status == 404]
        assert len(made) + len(ended) + len(listed) + len(refused) + len(gone) == AT_ONCE, answers
        assert all(1 <= len(reply.json["secrets"]) <= 2 for reply in listed)
        live = [secret["secret_id"] for secret in _live(registry, path)]
        assert 1 <= len(live) <= 2
        assert set(live) <= {first["secret_id"], *made}
        if number % KINDS < 2:
            assert (len(made), len(live)) == (1, 2)
        for secret_id, text in {first["secret_id"]: client.client_secret, **made}.items():
            status = ask_token(registry.url, Credentials(client.client_id, text).form).status
            assert status == (200 if secret_id in live else 401)
        registry.delete(client.client_id)


def _rotations(number: int, path: str, first: str) -> list[Request]:
    """Return what is asked for at once in a round: one kind of rotation, two, all; or these with endings and looks between."""
    kinds = 1 + number % KINDS
    requests: list[Request] = [("POST", path, ENDS[index % min(kinds, len(ENDS))], None) for index in range(AT_ONCE)]
    if kinds == KINDS:
        requests[::5] = [("DELETE", f"{path}/{first}", None, None)] * (AT_ONCE // 5)
        requests[1::5] = [("GET", path, None, None)] * (AT_ONCE // 5)
    return requests


def _live(registry: Registry, path: str) -> list[dict[str, Any]]:
    return registry.call("GET", path).json["secrets"]


@pytest.mark.timeout(3600)
def test_retries_at_once_make_one(crowd: tuple[Crowd, Registry], rounds: int) -> None:
    """Of 50 requests at once with one Idempotency-Key one is done, and all get its answer, the secret included."""
    together, registry = crowd
    before = _count(registry)
    for number in range(rounds):
        body = {"name": f"client {number}", "locked": False, "scopes": {"products": []}}
        made = _one_answer(together, "/v1/clients", body)
        path = f"/v1/clients/{made['client_id']}/secrets"
        rotated = _one_answer(together, path, ENDS[number % len(ENDS)])
        live = [secret["secret_id"] for secret in _live(registry, path)]
        assert rotated["secret_id"] == live[-1]
        assert len(live) == (1 if ENDS[number % len(ENDS)]["others_end_after"] == 0 else 2)
        for text, good in ((rotated["client_secret"], True), (made["client_secret"], len(live) == 2)):
            asked = ask_token(registry.url, Credentials(made["client_id"], text).form)
            assert asked.status == (200 if good else 401)
        assert _count(registry) == before + number + 1


def _one_answer(together: Crowd, path: str, body: object) -> dict[str, Any]:
    """Send a POST fifty times at once with one key, and return the one answer."""
    key = str(uuid.uuid4())
    answers = together.send([("POST", path, body, key)] * AT_ONCE)
    assert {(reply.status, reply.body) for reply in answers} == {(201, answers[0].body)}, answers
    return answers[0].json


def _count(registry: Registry) -> int:
    return registry.call("GET", "/v1/clients?page_size=1&page_number=1&status=any").json["meta"]["count"]
