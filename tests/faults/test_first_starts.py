"""Nodes that start for the first time at the same moment, on one empty database or in one empty directory."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.first_start import MOST, Place, Starters
from tests.support.postgres import Postgres, free_port
from tests.support.server import CLIENTRY
from tests.support.wire import ask_token, send

from clientry.settings.database_url import parse, sqlite_url
from clientry.storage import AccountFilter, ClientFilter, Snapshot
from clientry.storage.engines import open_storage

ROUNDS = int(os.environ.get("CLIENTRY_RACE_ROUNDS", "0"))
KEYS = {"CLIENTRY_PEPPER": "a5" * 32, "CLIENTRY_KEY_ENCRYPTION_KEY": "5a" * 32}


@pytest.fixture(scope="module")
def starters() -> Iterator[Starters]:
    """Give processes that start nodes."""
    made = Starters()
    yield made
    made.close()


@pytest.mark.timeout(3600)
@pytest.mark.anyio
@pytest.mark.parametrize(("engine", "many"), [("sqlite", 200), ("postgresql", 1000)])
async def test_first_starts_at_once_make_one_of_each(
    starters: Starters, postgres: Postgres, tmp_path: Path, full: bool, engine: str, many: int
) -> None:
    """Two to four nodes, again and again: one root, one admin, one signing key, one greeting, and nobody gives up."""
    for number in range(ROUNDS or (many if full else 20)):
        nodes = 2 + number % (MOST - 1)
        folder = tmp_path / str(number)
        folder.mkdir()
        database = postgres.new_database() if engine == "postgresql" else None
        if database is None:
            places = [Place({"data": str(folder / "data")}, {})] * nodes
            url = sqlite_url(folder / "data" / "clientry.db")
        else:
            url = parse(database)
            places = [Place({"data": str(folder / str(node)), "database": database}, KEYS) for node in range(nodes)]
        started = starters.start(places)
        (greeted,) = [one.client_id for one in started if one.client_id is not None]
        assert len({one.kids for one in started}) == 1

        async def found(snapshot: Snapshot) -> tuple[int, int, int, int]:
            accounts, clients = await snapshot.accounts.count(AccountFilter(None)), ClientFilter(None)
            keys, roots = await snapshot.signing_keys.all(), await snapshot.accounts.roots()
            return accounts, await snapshot.clients.count(clients), len(keys), len(roots)

        storage = await open_storage(url, 1)
        assert await storage.read(found) == (1, 1, 1, 1)
        assert await storage.client(greeted) is not None
        await storage.close()
        if database is not None:
            postgres.sql(f"DROP DATABASE {database.partition('?')[0].rpartition('/')[2]} WITH (FORCE)")
        shutil.rmtree(folder)


@pytest.mark.timeout(600)
def test_a_change_of_algorithm_at_once_makes_one_key(
    starters: Starters, postgres: Postgres, tmp_path: Path, full: bool
) -> None:
    """Nodes that are restarted together with another signing algorithm go on with the one key that one of them made."""
    for number in range(ROUNDS or (50 if full else 5)):
        flags = {"data": str(tmp_path / str(number)), "database": postgres.new_database()}
        starters.start([Place({**flags, "signing_algorithm": "RS256"}, KEYS)] * 2)
        started = starters.start([Place(flags, KEYS)] * MOST)
        assert len({one.kids for one in started}) == 1
        assert len(started[0].kids) == 2


@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_servers_that_start_at_once_serve_one_registry(postgres: Postgres, tmp_path: Path, engine: str) -> None:
    """Three real servers come up on what one of them has made; its credentials get a token from each of them."""
    database = postgres.new_database() if engine == "postgresql" else None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTRY_")}
    environment |= {"CLIENTRY_DATABASE": database, **KEYS} if database is not None else {}
    shared = tmp_path / "first.json"
    running: list[tuple[int, subprocess.Popen[str]]] = []
    for number in range(3):
        port = free_port()
        data = tmp_path / ("data" if database is None else str(number))
        flags = ["--data", str(data), "--port", str(port), "--credentials-file", str(shared)]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running.append((port, subprocess.Popen([CLIENTRY, "serve", *flags], env=environment, text=True, **quiet)))
    try:
        for port, process in running:
            _wait_until_ready(port, process)
        first = json.loads(shared.read_text())
        form = {"grant_type": "client_credentials", **{name: first[name] for name in ("client_id", "client_secret")}}
        assert [ask_token(f"http://127.0.0.1:{port}", form).status for port, _ in running] == [200] * 3
    finally:
        for _, process in running:
            process.terminate()
        codes = [process.wait(30) for _, process in running]
    assert codes == [0] * 3


def _wait_until_ready(port: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None
        try:
            if send(f"http://127.0.0.1:{port}", "GET", "/readyz").status == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)
