"""Nodes that go and come under load, and two versions of the schema at a time."""

import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.conftest import TwoNodes
from tests.support.balancer import Balancer
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry
from tests.support.server import Server
from tests.support.wire import Wire, bearer, send, token_request

PUBLIC = {"CLIENTRY_PUBLIC_URL": "http://127.0.0.1:1", "CLIENTRY_DRAIN_DELAY": "1"}


class Load:
    """Asks for tokens, reads and creates clients, over connections that stay open and connections that do not."""

    def __init__(self, url: str, admin: Credentials, token: str) -> None:
        self.answered = 0
        self.failures: list[object] = []
        self._url = url
        self._admin = admin
        self._token = token
        self._stop = threading.Event()
        jobs = [self._tokens, self._tokens, self._kept_open, self._kept_open, self._creations]
        self._threads = [threading.Thread(target=self._repeat, args=(job,)) for job in jobs]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, job: object) -> None:
        while not self._stop.is_set():
            try:
                job()  # type: ignore[operator]
            except Exception as failure:
                self.failures.append(failure)

    def _check(self, status: int, *good: int) -> None:
        if status in good:
            self.answered += 1
        else:
            self.failures.append(status)

    def _tokens(self) -> None:
        self._check(send(self._url, *token_request(self._admin.form)).status, 200)

    def _kept_open(self) -> None:
        """Use a connection for as long as the server does not say that it ends."""
        with Wire(self._url) as wire:
            while not self._stop.is_set():
                reply = wire.send(*token_request(self._admin.form))
                self._check(reply.status, 200)
                if "close" in reply.all("Connection"):
                    return

    def _creations(self) -> None:
        body = b'{"name": "x", "locked": false, "scopes": {"products": []}}'
        headers = [bearer(self._token), ("Content-Type", "application/json")]
        self._check(send(self._url, "POST", "/v1/clients", headers, body).status, 201)


def test_f15_a_rolling_restart_fails_no_request(two_nodes: TwoNodes, postgres: Postgres) -> None:
    """Two nodes behind a balancer are restarted one after the other, under load: not one request fails."""
    nodes = list(two_nodes(postgres.new_database(), env=PUBLIC))
    ports = [urlsplit(node.url).port or 0 for node in nodes]
    registry = Registry(nodes[0].url, nodes[0].admin)
    with Balancer(*ports) as balancer:
        load = Load(balancer.url, nodes[0].admin, registry.token)
        for number, port in enumerate(ports):
            time.sleep(1)
            assert nodes[number].stop() == 0
            nodes[number] = Server(nodes[number].data, port=port, env=PUBLIC)
            while port not in balancer.ready:
                time.sleep(0.05)
        time.sleep(1)
        load.end()
    for node in nodes:
        node.stop()
    assert load.failures == []
    assert load.answered > 500


def test_f19_the_version_before_works_with_a_newer_schema(
    two_nodes: TwoNodes, postgres: Postgres, tmp_path: Path
) -> None:
    """While a node serves, a newer version adds to the schema: the node goes on, and can even be started again."""
    database = postgres.new_database()
    name = database.partition("?")[0].rpartition("/")[2]
    first, second = two_nodes(database)
    registry, other = Registry(first.url, first.admin), Registry(second.url, second.admin)
    client = registry.create()
    known = int(postgres.sql("SELECT max(number) FROM schema_migrations", name))
    postgres.sql(
        "ALTER TABLE clients ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'; "
        "ALTER TABLE client_secrets ADD COLUMN uses BIGINT; "
        "CREATE TABLE later (id BIGINT PRIMARY KEY); "
        f"INSERT INTO schema_migrations VALUES ({known + 1}, '{known + 1:04}_colour.from-{known:04}.sql', 'x')",
        name,
    )
    for one in (registry, other):
        one.update(client.client_id, name="changed")
        made = one.create()
        one.update(made.client_id, enabled=False)
        one.delete(made.client_id)
        assert len(one.call("GET", "/v1/clients?page_size=10&page_number=1").json["clients"]) == 2
    second.stop()
    with Server(second.data) as again:
        assert Registry(again.url, first.admin).create()
