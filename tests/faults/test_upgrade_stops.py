"""Stops during a rolling upgrade from the version whose tokens carry no marks, with its real program."""

from itertools import product
from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.faults.conftest import copy_node
from tests.support.eventually import eventually
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry, access_token, token_part
from tests.support.revision import FORMS, Program, program_of, revision_before
from tests.support.server import Server, clientry
from tests.support.stops import WAYS

ENV = {"CLIENTRY_PUBLIC_URL": "https://clientry.example"}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Give the program as it was before anything had to be finished."""
    revision = revision_before(FORMS)
    if revision is None:
        pytest.skip("the history of the repository is not here")
    return program_of(revision, tmp_path_factory.mktemp("before"))


class Tenant:
    """A client two accounts below the root."""

    def __init__(self, node: Server) -> None:
        registry = Registry(node.url, node.admin)
        self._places: dict[str, str] = {}
        above = node.account_id
        for name in ("above", "account"):
            body = {"friendly_name": name, "owner_email": "a@example.com", "parent_id": above}
            above = self._places[name] = registry.call("POST", "/v1/accounts", body).json["account"]["id"]
        self.client = registry.create(account_id=above)

    def do(self, node: Server, step: tuple[str, str, object]) -> None:
        """Do a step of a way to stop, on a node."""
        method, path, body = step
        path = path.format(client=self.client.client_id, **self._places)
        reply = Registry(node.url, node.admin).call(method, path, body)
        assert reply.status in {200, 204}, reply

    def token(self, node: Server) -> str:
        """Get a token of the client from a node."""
        return access_token(node.url, self.client)


def statuses(nodes: tuple[Server, ...], tokens: list[str]) -> set[int]:
    """Return what the nodes say to the tokens."""
    return {node.request("GET", "/v1/ping", token).status for node, token in product(nodes, tokens)}


def is_marked(token: str) -> bool:
    return "marks" in token_part(token, 1)


@pytest.mark.timeout(600)
def test_x02_stops_hold_on_both_kinds_of_nodes(
    before: Program, start_server: StartServer, postgres: Postgres, tmp_path: Path
) -> None:
    """Made and lifted on either; after the upgrade is finished tokens get marks, and those without die with the first stop."""
    old = start_server(tmp_path / "first", database=postgres.new_database(), env=ENV, program=before)
    copy_node(old.data, tmp_path / "second")
    new = start_server(tmp_path / "second", env=ENV)
    nodes = (old, new)
    tenant = Tenant(old)
    for way in WAYS.values():
        for stopping, lifting in product(nodes, nodes):
            if way.lift is None and lifting is old:
                continue
            tokens = [tenant.token(node) for node in nodes]
            assert not any(is_marked(token) for token in tokens)
            assert statuses(nodes, tokens) == {200}
            tenant.do(stopping, way.stop)
            if way.lift is not None:
                assert statuses(nodes, tokens) == {401}
                tenant.do(lifting, way.lift)
            assert statuses(nodes, tokens) == {401}
            assert statuses(nodes, [tenant.token(node) for node in nodes]) == {200}
    assert old.stop() == 0
    kept = {name: (made := Tenant(new), made.token(new)) for name in WAYS}
    clientry("migrate", "--finish", data=new.data)
    eventually(lambda: is_marked(tenant.token(new)), 5)
    for name, way in WAYS.items():
        stopped, unmarked = kept[name]
        tokens = [unmarked, stopped.token(new)]
        assert [is_marked(token) for token in tokens] == [False, True]
        assert statuses((new,), tokens) == {200}
        stopped.do(new, way.stop)
        if way.lift is not None:
            stopped.do(new, way.lift)
        assert statuses((new,), tokens) == {401}
        assert statuses((new,), [stopped.token(new)]) == {200}


def test_x02_a_token_from_before_on_sqlite(before: Program, start_server: StartServer, tmp_path: Path) -> None:
    """The new program, which finishes the upgrade as it starts, takes it until the first stop, and issues tokens with marks."""
    old = start_server(tmp_path / "first", env=ENV, program=before)
    tenants = {name: Tenant(old) for name in WAYS}
    unmarked = {name: tenant.token(old) for name, tenant in tenants.items()}
    assert old.stop() == 0
    new = start_server(old.data, env=ENV)
    assert statuses((new,), list(unmarked.values())) == {200}
    for name, way in WAYS.items():
        tenants[name].do(new, way.stop)
        if way.lift is not None:
            tenants[name].do(new, way.lift)
        fresh = tenants[name].token(new)
        assert is_marked(fresh)
        assert statuses((new,), [fresh]) == {200}
        assert statuses((new,), [unmarked[name]]) == {401}
    untouched: Credentials = Registry(new.url, new.admin).create()
    assert is_marked(access_token(new.url, untouched))
