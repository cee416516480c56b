"""A rolling upgrade with the real program of the version before."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.conftest import StartServer
from tests.faults.conftest import copy_node
from tests.faults.test_rolling import PUBLIC, Load
from tests.support.balancer import Balancer
from tests.support.database import run_sql
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry
from tests.support.revision import FORMS, Program, program_of, revision_before
from tests.support.server import Server, clientry
from tests.support.signing import twin
from tests.support.wire import ask_token

ENV = {"CLIENTRY_PUBLIC_URL": "https://clientry.example"}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Give the program of the version before."""
    revision = revision_before(FORMS)
    if revision is None:
        pytest.skip("the history of the repository is not here")
    return program_of(revision, tmp_path_factory.mktemp("before"))


def test_f19_the_program_before_and_this_one_share_a_database(
    before: Program, start_server: StartServer, postgres: Postgres, tmp_path: Path
) -> None:
    """They see at once what the other changes, and each can be started again, until the upgrade is finished; nothing is lost."""
    old = start_server(tmp_path / "first", database=postgres.new_database(), env=ENV, program=before)
    registry = Registry(old.url, old.admin)
    earlier = registry.create()
    copy_node(old.data, tmp_path / "second")
    new = start_server(tmp_path / "second", env=ENV)
    for _ in range(2):
        earlier = each_sees_the_other(old, new, earlier)
        earlier = each_sees_the_other(new, old, earlier)
        assert old.stop() == 0
        old = start_server(old.data, env=ENV, program=before)
    assert old.stop() == 0
    assert clientry("migrate", "--finish", data=new.data)["unfinished"] == []
    is_as_it_was(new, earlier)
    assert refuses(old.data, before)
    assert new.audit_is_whole()


def test_f19_this_program_takes_over_a_file_of_the_program_before(
    before: Program, start_server: StartServer, tmp_path: Path
) -> None:
    """On SQLite starting it finishes the upgrade: everything from before is good, and the program before refuses the file."""
    old = start_server(tmp_path / "first", env=ENV, program=before)
    earlier = Registry(old.url, old.admin).create()
    assert old.stop() == 0
    new = start_server(old.data, env=ENV)
    assert clientry("migrate", "--check", data=new.data)["unfinished"] == []
    is_as_it_was(new, earlier)
    assert new.stop() == 0
    assert refuses(old.data, before)


def test_f19_finishing_under_load_fails_no_request(
    before: Program, start_server: StartServer, postgres: Postgres, tmp_path: Path
) -> None:
    """Neither secrets of before nor those that are made meanwhile are refused for a moment, on any node; no node is restarted."""
    first = start_server(tmp_path / "first", database=postgres.new_database(), env=PUBLIC, program=before)
    clients = [Registry(first.url, first.admin).create() for _ in range(20)]
    assert first.stop() == 0
    copy_node(first.data, tmp_path / "second")
    nodes = [start_server(data, env=PUBLIC) for data in (first.data, tmp_path / "second")]
    registry = Registry(nodes[1].url, first.admin)
    with Balancer(*(urlsplit(node.url).port or 0 for node in nodes)) as balancer:
        load = Load(balancer.url, first.admin, registry.token)
        with ThreadPoolExecutor() as pool:
            finishing = pool.submit(clientry, "migrate", "--finish", data=first.data)
            while not finishing.done():
                clients.append(registry.create())
        end = time.monotonic() + 2
        while time.monotonic() < end:
            clients.append(registry.create())
            for one in clients[:20]:
                assert [ask_token(node.url, one.form).status for node in nodes] == [200, 200]
        load.end()
    assert finishing.result()["unfinished"] == []
    assert load.failures == []
    for node in nodes:
        assert {ask_token(node.url, one.form).status for one in clients} == {200}
    plain = "SELECT COUNT(*) FROM client_secrets WHERE substr(verifier, 1, 1) = '\\x01'"
    assert run_sql(first, postgres, plain) == "0"


def is_as_it_was(new: Server, earlier: Credentials) -> None:
    """Use the first admin's secret, an earlier client's, new ones of both, and tokens as either version spells them."""
    assert ask_token(new.url, earlier.form).status == 200
    registry = Registry(new.url, new.admin)
    assert registry.call("GET", "/v1/ping").status == 200
    assert registry.call("GET", "/v1/ping", token=twin(registry.token)).status == 200
    assert ask_token(new.url, registry.create().form).status == 200
    rotated = registry.call("POST", f"/v1/clients/{earlier.client_id}/secrets", {"others_end_after": 3600})
    for secret in (earlier.client_secret, rotated.json["client_secret"]):
        assert ask_token(new.url, Credentials(earlier.client_id, secret).form).status == 200


def refuses(data: Path, program: Program) -> bool:
    """Tell whether a program does not start on a directory, because its database is newer."""
    done = subprocess.run(
        [*program, "serve", "--port", "0", "--data", str(data)], check=False, capture_output=True, text=True, timeout=30
    )
    return done.returncode == 1 and "newer than the program" in done.stderr


def each_sees_the_other(one: Server, other: Server, earlier: Credentials) -> Credentials:
    """Make and change clients on one node and look at them on the other; return the earlier client with its new secret."""
    here, there = Registry(one.url, one.admin), Registry(other.url, one.admin)
    made = here.create()
    assert ask_token(other.url, made.form).status == 200
    there.update(made.client_id, name="renamed", token_lifetime=7200)
    assert here.call("GET", f"/v1/clients/{made.client_id}").json["client"]["name"] == "renamed"
    rotated = there.call("POST", f"/v1/clients/{earlier.client_id}/secrets", {"others_end_after": 0})
    assert rotated.status == 201, rotated
    renewed = Credentials(earlier.client_id, rotated.json["client_secret"])
    assert ask_token(one.url, renewed.form).status == 200
    assert ask_token(one.url, earlier.form).status == 401
    token = here.call("GET", "/v1/ping", token=there.token)
    assert token.status == 200
    here.update(made.client_id, enabled=False)
    assert ask_token(other.url, made.form).status == 401
    there.delete(made.client_id)
    pages = [registry.call("GET", "/v1/clients?page_size=100&page_number=1&status=any") for registry in (here, there)]
    assert {client["client_id"] for client in pages[0].json["clients"]} == {one.admin.client_id, earlier.client_id}
    assert pages[0].json["meta"]["count"] == pages[1].json["meta"]["count"] == 2
    return renewed
