"""A node whose PostgreSQL is down, slow, gone in the middle, or silent: what it answers, how soon, and how it comes back."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import StartServer
from tests.faults.conftest import TwoNodes
from tests.support.postgres import Postgres
from tests.support.proxy import Mode, Proxy
from tests.support.registry import Credentials, Registry
from tests.support.server import Server
from tests.support.wire import Reply, ask_token, bearer, send

WITHIN = 2.0
"""Seconds in which every request is answered, whatever the database does."""
SLACK = 0.4
"""Seconds that the machine may add."""


class Node(Registry):
    """A server behind whose back the way to its database can be broken."""

    def __init__(self, server: Server, proxy: Proxy, postgres: Postgres, database: str) -> None:
        super().__init__(server.url, server.admin)
        self.server = server
        self.proxy = proxy
        self.postgres = postgres
        self.database = database

    def ask(self) -> Reply:
        return ask_token(self.url, self.admin.form)

    def recovers(self, within: float = 2.0) -> None:
        """Wait until tokens, changes and readiness are back, without a restart."""
        deadline = time.monotonic() + within
        while self.ask().status != 200 or send(self.url, "GET", "/readyz").status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert self.create()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    running = Postgres(fsync="on")
    yield running
    running.remove()


@pytest.fixture
def node(start_server: StartServer, own_postgres: Postgres) -> Iterator[Node]:
    with Proxy(own_postgres.port) as proxy:
        name = own_postgres.new_database().partition("?")[0].rpartition("/")[2]
        server = start_server(database=own_postgres.url(name, proxy.port))
        yield Node(server, proxy, own_postgres, name)


def requests(node: Node) -> dict[str, Callable[[], Reply]]:
    """Return one request of each kind that needs the database."""
    client_id = node.admin.client_id
    body = {"name": "x", "locked": False, "scopes": {"products": []}}
    return {
        "token": node.ask,
        "get": lambda: node.call("GET", f"/v1/clients/{client_id}"),
        "list": lambda: node.call("GET", "/v1/clients?page_size=5&page_number=1"),
        "create": lambda: node.call("POST", "/v1/clients", body),
        "update": lambda: node.call("PATCH", f"/v1/clients/{client_id}", {"name": "y"}),
        "readyz": lambda: send(node.url, "GET", "/readyz"),
    }


def timed(request: Callable[[], Reply]) -> tuple[Reply, float]:
    started = time.monotonic()
    return request(), time.monotonic() - started


def check_refusals(node: Node) -> set[int]:
    """Check that what needs no database goes on, and everything else is refused in time and in form; return the statuses."""
    documents = ("oauth-authorization-server", "openid-configuration", "jwks.json")
    for path in ("/healthz", "/openapi.json", *(f"/.well-known/{document}" for document in documents)):
        reply, seconds = timed(lambda path=path: send(node.url, "GET", path))
        assert reply.status == 200, path
        assert seconds < 0.2, path
    statuses: set[int] = set()
    for name, request in requests(node).items():
        reply, seconds = timed(request)
        assert reply.status in (503, 504), (name, reply)
        assert seconds < WITHIN + SLACK, (name, seconds)
        assert reply.one("Retry-After") == "1", name
        if name == "token":
            assert reply.json["error"] == "temporarily_unavailable"
        else:
            assert reply.json["code"] == 40000 + reply.status
            assert reply.json["status"] == reply.status
        statuses.add(reply.status)
    return statuses


def test_f10_without_its_database_a_node_serves_what_it_can(node: Node) -> None:
    """Keys and metadata go on, everything else is a 503 in its surface's form, and it comes back by itself."""
    node.proxy.become(Mode.REFUSE)
    assert check_refusals(node) == {503}
    node.proxy.become(Mode.PASS)
    node.recovers()


def test_f08_a_silent_database_is_not_waited_for(node: Node) -> None:
    """When bytes vanish in both directions the answers are 504 within two seconds, also to 64 requests at once."""
    node.proxy.become(Mode.BLACK_HOLE)
    assert 504 in check_refusals(node)
    with ThreadPoolExecutor(64) as pool:
        replies = [asked.result() for asked in [pool.submit(timed, node.ask) for _ in range(64)]]
    assert {reply.status for reply, _ in replies} <= {503, 504}
    assert max(seconds for _, seconds in replies) < WITHIN + SLACK
    node.proxy.become(Mode.PASS)
    node.recovers()


def test_f09_a_slow_database_slows_and_a_very_slow_one_is_refused(node: Node) -> None:
    """50 ms there and back are only time; 5 s are a 504 within two seconds; what needs no database is quick throughout."""
    node.proxy.delay = 0.025
    for name, request in requests(node).items():
        reply, _ = timed(request)
        assert reply.status in (200, 201), name
    node.proxy.delay = 5
    assert 504 in check_refusals(node)
    node.proxy.delay = 0
    node.recovers(within=8)


def test_f09_a_locked_table_is_a_timeout_and_not_a_standstill(node: Node) -> None:
    """While somebody locks the clients for four seconds requests end with 504 in time, and /healthz answers in 50 ms."""
    locking = threading.Thread(
        target=node.postgres.sql,
        args=("BEGIN; LOCK TABLE clients IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT", node.database),
    )
    locking.start()
    time.sleep(0.5)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(timed, node.ask) for _ in range(8)]
        while not all(one.done() for one in waiting):
            reply, seconds = timed(lambda: send(node.url, "GET", "/healthz"))
            assert reply.status == 200
            assert seconds < 0.05
            time.sleep(0.02)
    for one in waiting:
        reply, seconds = one.result()
        assert reply.status == 504
        assert seconds < WITHIN + SLACK
    locking.join()
    node.recovers()


def test_f08_a_commit_whose_answer_is_lost_is_unknown(node: Node) -> None:
    """The answer says so with a 504, and never that nothing was changed; the client is there, once."""
    before = node.call("GET", "/v1/clients?page_size=1&page_number=1").json["meta"]["count"]
    node.proxy.drops_commits = True
    reply, seconds = timed(requests(node)["create"])
    node.proxy.drops_commits = False
    assert reply.status == 504
    assert "made, or it was not" in reply.json["message"]
    assert seconds < WITHIN + SLACK
    assert node.call("GET", "/v1/clients?page_size=1&page_number=1").json["meta"]["count"] == before + 1
    node.recovers()


def test_f08_a_retry_with_the_same_key_heals_a_lost_answer(node: Node) -> None:
    """After an unknown outcome the same idempotency key gets the answer that was lost, secret included; there is one client."""
    count = "/v1/clients?page_size=1&page_number=1"
    before = node.call("GET", count).json["meta"]["count"]
    headers = [bearer(node.token), ("Content-Type", "application/json"), ("Idempotency-Key", "heals")]
    body = b'{"name": "once", "locked": null, "scopes": {}}'
    node.proxy.drops_commits = True
    lost = send(node.url, "POST", "/v1/clients", headers, body)
    node.proxy.drops_commits = False
    healed = send(node.url, "POST", "/v1/clients", headers, body)
    assert (lost.status, healed.status) == (504, 201)
    assert healed.one("Idempotency-Replayed") == "true"
    made = Credentials(healed.json["client_id"], healed.json["client_secret"])
    assert ask_token(node.url, made.form).status == 200
    assert node.call("GET", count).json["meta"]["count"] == before + 1


@pytest.mark.parametrize("how", ["cut", "close_halves"])
def test_f08_broken_connections_are_replaced(node: Node, how: str) -> None:
    """After a reset, or an end, of every connection the next look-up is answered at once: reading twice changes nothing."""
    assert node.ask().status == 200
    getattr(node.proxy, how)()
    time.sleep(0.1)
    assert node.ask().status == 200
    node.recovers()


def test_f08_nothing_is_left_open(node: Node) -> None:
    """After connections broke under load no transaction is left open in the database."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            requests(node)["create"]()

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for _ in range(10):
        time.sleep(0.2)
        node.proxy.cut()
    stop.set()
    for writer in writers:
        writer.join()
    node.recovers()
    time.sleep(0.5)
    left = node.postgres.sql(
        f"SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = '{node.database}'"
    )
    assert left == "0"


def test_f06_what_was_acknowledged_survives_a_crash_of_the_database(node: Node) -> None:
    """The database is killed under load, and started again: every acknowledged client is there, no answer was a 500."""
    acknowledged: list[Credentials] = []
    others: set[int] = set()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            reply = requests(node)["create"]()
            if reply.status == 201:
                acknowledged.append(Credentials(reply.json["client_id"], reply.json["client_secret"]))
            else:
                others.add(reply.status)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for _ in range(3):
        time.sleep(1)
        node.postgres.stop("immediate")
        time.sleep(0.3)
        node.postgres.start()
        node.recovers(within=3)
    stop.set()
    for writer in writers:
        writer.join()
    assert others <= {503, 504}
    assert len(acknowledged) > 100
    for made in acknowledged:
        assert ask_token(node.url, made.form).status == 200
    listed = node.call("GET", "/v1/clients?page_size=100000&page_number=1&status=any").json
    assert {made.client_id for made in acknowledged} <= {client["client_id"] for client in listed["clients"]}
    assert listed["meta"]["count"] == len(listed["clients"])


def test_f21_a_client_disabled_on_one_node_is_refused_by_the_other(two_nodes: TwoNodes, own_postgres: Postgres) -> None:
    """From the next request on, without any notification between the nodes: no token, and no answer of the API."""
    env = {"CLIENTRY_PUBLIC_URL": "http://127.0.0.1:1"}
    first, second = two_nodes(own_postgres.new_database(), env=env)
    registry, other = Registry(first.url, first.admin), Registry(second.url, second.admin)
    for _ in range(50):
        client = registry.create()
        reply = ask_token(second.url, client.form)
        assert reply.status == 200
        token = reply.json["access_token"]
        registry.update(client.client_id, enabled=False)
        assert ask_token(second.url, client.form).status == 401
        assert send(second.url, "GET", "/v1/clients?page_size=1&page_number=1", [bearer(token)]).status == 401
        other.update(client.client_id, enabled=True)
        assert ask_token(first.url, client.form).status == 200
