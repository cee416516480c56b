"""A rolling upgrade with the real program of the version before: the one that did not know the newest migration."""

from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.faults.conftest import copy_node
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry
from tests.support.revision import ROOT, Program, program_of, revision_before
from tests.support.server import Server
from tests.support.wire import ask_token

MIGRATIONS = "server/src/clientry/storage/migrations/postgres"
ENV = {"CLIENTRY_PUBLIC_URL": "https://clientry.example"}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Give the program as it was before the newest migration came."""
    newest = max(path.name for path in (ROOT / MIGRATIONS).glob("*.sql"))
    revision = revision_before(f"{MIGRATIONS}/{newest}")
    if revision is None:
        pytest.skip("the history of the repository is not here")
    return program_of(revision, tmp_path_factory.mktemp("before"))


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_f19_the_program_before_and_this_one_share_a_database(
    before: Program, start_server: StartServer, postgres: Postgres, tmp_path: Path, engine: str
) -> None:
    """It goes on after this one has migrated, each sees what the other changes at once, and it can even be started again."""
    database = postgres.new_database() if engine == "postgresql" else None
    old = start_server(tmp_path / "first", database=database, env=ENV, program=before)
    registry = Registry(old.url, old.admin)
    earlier = registry.create()
    new = start_server(_second_node(old, tmp_path / "second"), env=ENV)
    for _ in range(2):
        each_sees_the_other(old, new, earlier)
        each_sees_the_other(new, old, earlier)
        assert old.stop() == 0
        old = start_server(old.data, env=ENV, program=before)
    assert new.audit_is_whole()


def _second_node(first: Server, data: Path) -> Path:
    """Return the directory of a second node: of its own on PostgreSQL, the same on an embedded database."""
    if first.database is None:
        return first.data
    copy_node(first.data, data)
    return data


def each_sees_the_other(one: Server, other: Server, earlier: Credentials) -> None:
    """Make and change clients on one node and look at them on the other."""
    here, there = Registry(one.url, one.admin), Registry(other.url, one.admin)
    made = here.create()
    assert ask_token(other.url, made.form).status == 200
    there.update(made.client_id, name="renamed", token_lifetime=7200)
    assert here.call("GET", f"/v1/clients/{made.client_id}").json["client"]["name"] == "renamed"
    rotated = there.call("POST", f"/v1/clients/{earlier.client_id}/secrets", {"others_end_after": 0})
    assert rotated.status == 201, rotated
    assert ask_token(one.url, Credentials(earlier.client_id, rotated.json["client_secret"]).form).status == 200
    assert ask_token(one.url, earlier.form).status == 401
    token = here.call("GET", "/v1/ping", token=there.token)
    assert token.status == 200
    here.update(made.client_id, enabled=False)
    assert ask_token(other.url, made.form).status == 401
    there.delete(made.client_id)
    pages = [registry.call("GET", "/v1/clients?page_size=100&page_number=1&status=any") for registry in (here, there)]
    assert {client["client_id"] for client in pages[0].json["clients"]} == {one.admin.client_id, earlier.client_id}
    assert pages[0].json["meta"]["count"] == pages[1].json["meta"]["count"] == 2
