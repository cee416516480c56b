"""The corpus through a real nginx and a real HAProxy: what they let through, both sides see as the same requests."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest
from tests.process.corpus.corpus import CORPUS
from tests.process.corpus.entry import CLIENT_ID, CLIENT_SECRET, TAG, TOKEN
from tests.proxies.running import Passed, Proxy, haproxy, nginx
from tests.support.conversation import Conversation, Malformed
from tests.support.eventually import eventually
from tests.support.registry import Registry
from tests.support.server import Server
from tests.support.wire import ask_token, send

WITHOUT_A_LINE = ("400", "417", "-", "0", "-1")
"""What the server refused before it was a request, and what the proxy gave up because its own client had gone."""
QUIET = 0.4
"""Seconds after which nothing more is expected."""
PAUSE = 0.05
"""Seconds between two parts."""


class Start(Protocol):
    """Starts a proxy with files in a folder in front of a server."""

    def __call__(self, folder: Path, target: str) -> AbstractContextManager[Proxy]: ...


PROXIES: dict[str, Start] = {
    "nginx": nginx,
    "nginx with websocket lines": partial(nginx, upgrades=True),
    "nginx without buffering": partial(nginx, buffering=False),
    "nginx with both": partial(nginx, upgrades=True, buffering=False),
    "haproxy": haproxy,
    "haproxy, connections shared": partial(haproxy, reuse="always"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server that believes a proxy on this machine."""
    env = {"CLIENTRY_BEHIND_PROXY": "true", "CLIENTRY_PUBLIC_URL": "http://127.0.0.1:1"}
    with Server(tmp_path_factory.mktemp("proxied") / "data", env=env) as running:
        yield running


@pytest.fixture(params=PROXIES)
def proxy(request: pytest.FixtureRequest, tmp_path: Path, server: Server) -> Iterator[Proxy]:
    """Give each proxy in front of it."""
    with PROXIES[request.param](tmp_path, server.url) as running:
        eventually(lambda: send(running.url, "GET", "/healthz").status == 200, 10)
        yield running


def seen(server: Server, since: int) -> list[tuple[str, Passed]]:
    """Return what the server's log says of the requests since its line of that number, with their ids."""
    lines = [json.loads(line) for line in server.log.splitlines()[since:]]
    requests = [line for line in lines if line["event"] == "request"]
    return [(line["request_id"], Passed(line["method"], line["path"], str(line["status"]))) for line in requests]


def mark(server: Server) -> int:
    """Return the number of the line of its log where what is asked from now on begins."""
    path = f"/mark/{uuid.uuid4().hex}"
    send(server.url, "GET", path)
    eventually(lambda: path in server.log, 5)
    return next(at for at, line in enumerate(server.log.splitlines()) if path in line) + 1


def converse(url: str, parts: list[bytes], heads: tuple[int, ...]) -> tuple[int, ...]:
    """Send parts, and return the status codes of what comes back until the end or some silence."""
    with Conversation(url, heads, patience=QUIET) as connection:
        connection.send(parts, PAUSE if len(parts) > 1 else 0)
        try:
            connection.read_to_the_end()
        except Malformed:  # nginx answers HTTP/0.9 as it was asked, without a head
            return (0,)
        return connection.statuses


def streams(stand_ins: dict[bytes, str]) -> list[tuple[list[bytes], tuple[int, ...]]]:
    """Return the corpus twice, each with a tag of its own: at once, and what follows the first head after a pause.

    Proxies pass on what they have: what comes later goes to the server in a packet of its own.
    """
    found: list[tuple[list[bytes], tuple[int, ...]]] = []
    for number, entry in enumerate(CORPUS):
        raw = entry.raw
        for stand_in, value in stand_ins.items():
            raw = raw.replace(stand_in, value.encode())
        end = raw.find(b"\r\n\r\n") + 4
        found.append(([raw.replace(TAG, b"t%07x" % number)], entry.heads))
        found.append(([part.replace(TAG, b"u%07x" % number) for part in (raw[:end], raw[end:])], entry.heads))
    return found


def test_both_sides_see_the_same_requests(proxy: Proxy, server: Server) -> None:
    """Every request in the server's log was passed on by the proxy, once, with that method and path; and none is missing."""
    registry = Registry(server.url, server.admin)
    client = registry.create()
    since = mark(server)
    already = set(proxy.passed())
    sent = streams({CLIENT_ID: client.client_id, CLIENT_SECRET: client.client_secret, TOKEN: registry.token})
    with ThreadPoolExecutor(32) as threads:
        under_way = [threads.submit(converse, proxy.url, *stream) for stream in sent]
        statuses = [one.result() for one in under_way]

    def differences() -> list[object]:
        passed = {name: one for name, one in proxy.passed().items() if name not in already}
        by_server = [(name, one) for name, one in seen(server, since) if one.path != "/readyz"]
        unknown = [one for one in by_server if one[0] not in passed]
        others = [(passed[name], one) for name, one in by_server if name in passed and passed[name][:2] != one[:2]]
        twice = [one for one in by_server if [name for name, _ in by_server].count(one[0]) > 1]
        answered = {name for name, _ in by_server}
        missing = [
            (name, one) for name, one in passed.items() if name not in answered and one.answer not in WITHOUT_A_LINE
        ]
        return [*unknown, *others, *twice, *missing]

    eventually(lambda: not differences(), 10, lambda: str(differences()))
    assert len(seen(server, since)) > 100
    assert not [one for one in seen(server, since) if "hidden" in one[1].path]
    assert sum(status == (200, 404) for status in statuses) > 5


def test_a_token_and_where_it_was_asked_from(proxy: Proxy, server: Server) -> None:
    """A token comes through the proxy, and the log names the client, whatever address it claims to have."""
    reply = ask_token(proxy.url, server.admin.form, [("X-Forwarded-For", "203.0.113.9"), ("X-Request-ID", "my-own-id")])
    assert reply.status == 200
    name = reply.one("x-request-id")
    assert name != "my-own-id"
    eventually(lambda: name in server.log, 5)
    (line,) = (line for line in server.log.splitlines() if name in line)
    assert json.loads(line)["address"] == "203.0.113.9"
