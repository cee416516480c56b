"""Whom tokens are for: kept apart where the operator wants it, and never for more than fits into one that is accepted."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.support.registry import Credentials, Registry, access_token, token_part
from tests.support.server import CLIENTRY, Server
from tests.support.wire import ask_token, bearer, refused, send

from clientry.records.account import MAX_DEPTH
from clientry.records.signing_key import MAX_TOKEN_BYTES

APART = {"CLIENTRY_SEPARATE_AUDIENCES": "true"}


def ping(url: str, token: str) -> int:
    return send(url, "GET", "/v1/ping", [bearer(token)]).status


def test_ruling_13_separate_audiences_leaves_no_token_for_the_registry_and_for_products(
    start_server: StartServer,
) -> None:
    """A client that may do both asks for one of them; a token for both from before is refused; standard clients notice nothing."""
    server = start_server()
    both = access_token(server.url, server.admin)
    standard = Registry(server.url, server.admin).create()
    server.stop()
    server = start_server(server.data, env={**APART, "CLIENTRY_PUBLIC_URL": server.url})
    for scope in ({}, {"scope": "clients:read SuperSIM"}):
        reply = ask_token(server.url, {**server.admin.form, **scope})
        refused(reply, 400, "invalid_scope")
        assert "scope" in reply.json["error_description"]
    registry, products = (access_token(server.url, server.admin, scope) for scope in ("clients:read", "SuperSIM"))
    assert token_part(registry, 1)["aud"] == [token_part(registry, 1)["iss"]]
    assert [ping(server.url, token) for token in (registry, products, both)] == [200, 200, 401]
    replayed = send(server.url, "GET", "/v1/clients?page_size=1&page_number=1", [bearer(products)])
    assert replayed.status == 403
    assert ask_token(server.url, standard.form).status == 200


def products(length: int, count: int = 60) -> str:
    """Return so many products, the audience of the last of which is so many characters longer than the others'."""
    named = [{"name": f"product-{n:03}", "audience": f"https://api.example.com/{n:03}"} for n in range(count)]
    named[-1]["audience"] += "x" * length
    return json.dumps(named)


@pytest.fixture(scope="module", params=["ES256", "RS256"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the settings whose largest token only just fits."""
    data = tmp_path_factory.mktemp("edge") / "data"
    fixed = {"CLIENTRY_SIGNING_ALGORITHM": request.param}
    fits, too_long = 0, MAX_TOKEN_BYTES
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if configured(data, {**fixed, "CLIENTRY_PRODUCTS": products(middle)}).returncode == 0:
            fits = middle
        else:
            too_long = middle
    return {**fixed, "CLIENTRY_PRODUCTS": products(fits), "TOO_LONG": products(too_long)}


def configured(data: Path, env: dict[str, str], command: str = "config") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [CLIENTRY, command, "--data", data], check=False, capture_output=True, text=True, timeout=30, env=env
    )


def test_ruling_13_what_the_server_issues_it_accepts(start_server: StartServer, edge: dict[str, str]) -> None:
    """With as many products as are allowed, the token for all of them could become as large as any can be, and is good."""
    env = {name: value for name, value in edge.items() if name.startswith("CLIENTRY_")}
    server: Server = start_server(env=env)
    token = access_token(server.url, server.admin)
    scopes = len(token_part(token, 1)["scope"].split(" "))
    marks_to_come = 15 * (
        MAX_DEPTH - 1 + scopes
    )  # at the end of a line, and after every scope was taken away and given back
    assert MAX_TOKEN_BYTES - 400 < len(token) + marks_to_come <= MAX_TOKEN_BYTES
    assert ping(server.url, token) == 200
    standard: Credentials = Registry(server.url, server.admin).create(products=("product-000", "product-059"))
    assert ping(server.url, access_token(server.url, standard)) == 200


@pytest.mark.parametrize("command", ["config", "init", "serve"])
def test_ruling_13_products_that_make_too_large_a_token_are_refused_at_the_start(
    edge: dict[str, str], tmp_path: Path, command: str
) -> None:
    """One character more, and every command says in one line what is too large, and what to do; nothing is made."""
    env = {"CLIENTRY_SIGNING_ALGORITHM": edge["CLIENTRY_SIGNING_ALGORITHM"], "CLIENTRY_PRODUCTS": edge["TOO_LONG"]}
    done = configured(tmp_path / "data", env, command)
    assert done.returncode == 1
    assert f"no more than {MAX_TOKEN_BYTES:,} are accepted" in done.stderr
    assert "60 products" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()
