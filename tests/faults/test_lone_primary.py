"""A primary without its synchronous replica: commits wait, and one whose wait is cancelled is seen, though no replica has it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import StartServer
from tests.support.eventually import eventually
from tests.support.postgres import CANCEL_WAIT, Postgres
from tests.support.registry import Credentials, Registry
from tests.support.wire import Reply, ask_token, bearer, send


class Lone(Registry):
    """The registry of a server on such a primary."""

    def __init__(self, url: str, admin: Credentials, postgres: Postgres) -> None:
        super().__init__(url, admin)
        self.postgres = postgres

    def disable(self, client: Credentials) -> Reply:
        return self.call("PATCH", f"/v1/clients/{client.client_id}", {"enabled": False})

    def create_once(self, key: str) -> Reply:
        """Create a client with an idempotency key."""
        headers = [bearer(self.token), ("Content-Type", "application/json"), ("Idempotency-Key", key)]
        return send(self.url, "POST", "/v1/clients", headers, b'{"name": "x", "locked": false, "scopes": {}}')

    def in_vain(self, change: Callable[[], Reply]) -> Reply:
        """Make a change, and cancel the commit's wait."""
        with ThreadPoolExecutor(1) as aside:
            asked = aside.submit(change)
            eventually(lambda: self.postgres.sql(CANCEL_WAIT) == "t", 1)
            return asked.result()

    def wait_for(self, replica: str) -> None:
        """Have commits wait for this replica; empty: for none."""
        self.postgres.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{replica}'")
        self.postgres.sql("SELECT pg_reload_conf()")
        eventually(lambda: self.postgres.sql("SHOW synchronous_standby_names") == replica, 5)


@pytest.fixture
def lone(start_server: StartServer) -> Iterator[Lone]:
    postgres = Postgres()
    server = start_server(database=postgres.new_database())
    yield Lone(server.url, server.admin, postgres)
    server.stop()
    postgres.remove()


def test_f08_a_commit_whose_wait_was_cancelled_is_unknown(lone: Lone) -> None:
    """PostgreSQL reports it as done, with a warning; the answer is a 504 that does not say so."""
    client = lone.create()
    lone.wait_for("nobody")
    unknown(lone.in_vain(lambda: lone.disable(client)))
    assert ask_token(lone.url, client.form).status == 401


def test_f08_a_change_that_finds_itself_made_waits_for_the_replica_too(lone: Lone) -> None:
    """The repetition is acknowledged when a replica has what it found, and not before; no second version is made."""
    client = lone.create()
    lone.wait_for("nobody")
    lone.in_vain(lambda: lone.disable(client))
    unknown(lone.disable(client))
    lone.wait_for("")
    repeated = lone.disable(client)
    assert repeated.status == 200
    assert repeated.one("ETag") == '"v2"'


def test_f08_an_answer_that_is_given_again_waits_for_the_replica_too(lone: Lone) -> None:
    """A retry with its Idempotency-Key finds the change made and unacknowledged: it is answered when a replica has both."""
    lone.wait_for("nobody")
    unknown(lone.in_vain(lambda: lone.create_once("key")))
    unknown(lone.create_once("key"))
    lone.wait_for("")
    retried = lone.create_once("key")
    assert (retried.status, retried.all("Idempotency-Replayed")) == (201, ["true"])
    made = Credentials(retried.json["client_id"], retried.json["client_secret"])
    assert ask_token(lone.url, made.form).status == 200


def unknown(reply: Reply) -> None:
    assert reply.status == 504
    assert "made, or it was not" in reply.json["message"]
