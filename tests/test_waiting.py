"""A server that is started before its database: it waits, says so, can be asked to end, and begins to serve by itself."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.eventually import eventually
from tests.support.postgres import Postgres
from tests.support.proxy import Mode, Proxy
from tests.support.server import CLIENTRY
from tests.support.wire import TOKEN_PATH, send


class Waiting:
    """A server on a database that refuses connections."""

    def __init__(self, folder: Path, port: int, database: str, *flags: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTRY_")}
        command = [
            CLIENTRY,
            "serve",
            "--data",
            str(folder / "data"),
            "--port",
            str(port),
            "--log-format",
            "json",
            *flags,
        ]
        self.url = f"http://127.0.0.1:{port}"
        self.errors = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            command, stderr=self.errors, stdin=subprocess.DEVNULL, env={**kept, "CLIENTRY_DATABASE": database}
        )

    @property
    def log(self) -> str:
        return Path(self.errors.name).read_text()

    def status(self, path: str, method: str = "GET") -> int:
        """Return what is answered, 0 where nobody listens."""
        try:
            return send(self.url, method, path).status
        except OSError:
            return 0


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    with Proxy(postgres.port) as between:
        between.become(Mode.REFUSE)
        yield between


@pytest.fixture
def database(postgres: Postgres, proxy: Proxy) -> str:
    return postgres.url(postgres.new_database().rsplit("/", 1)[1].partition("?")[0], proxy.port)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_waits_for_its_database_and_then_serves(
    tmp_path: Path, free_port: int, database: str, proxy: Proxy, workers: str
) -> None:
    """Meanwhile it is alive and not ready, in each surface's form; when the database comes up no request is refused."""
    server = Waiting(tmp_path, free_port, database, "--workers", workers)
    eventually(lambda: server.status("/healthz") == 200, within=20, said=lambda: server.log)
    reply = send(server.url, "GET", "/readyz")
    assert (reply.status, reply.json["code"], reply.one("retry-after")) == (503, 40503, "1")
    token = send(server.url, "POST", TOKEN_PATH)
    assert (token.status, token.json["error"]) == (503, "temporarily_unavailable")
    assert send(server.url, "GET", "/v1/clients").json["code"] == 40503

    done = threading.Event()
    statuses: set[int] = set()

    def ask() -> None:
        while not done.is_set():
            statuses.add(server.status("/healthz"))

    asking = threading.Thread(target=ask)
    asking.start()
    proxy.become(Mode.PASS)
    eventually(lambda: server.status("/readyz") == 200, within=30, said=lambda: server.log)
    done.set()
    asking.join()
    assert statuses == {200}
    eventually(lambda: '"event":"serving"' in server.log, within=20, said=lambda: server.log)
    server.process.terminate()
    assert server.process.wait(20) == 0
    events = [json.loads(line)["event"] for line in server.log.splitlines() if line.startswith("{")]
    assert events.index("waiting for the database") < events.index("the database is up") < events.index("serving")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_waits_can_be_asked_to_end(tmp_path: Path, free_port: int, database: str, number: int) -> None:
    """A signal ends the waiting at once and in order, also before it is answered with anything; SIGHUP does not."""
    server = Waiting(tmp_path, free_port, database)
    eventually(lambda: "waiting for the database" in server.log, within=20)
    server.process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert server.status("/healthz") == 200
    server.process.send_signal(number)
    began = time.monotonic()
    assert server.process.wait(20) == 0
    assert time.monotonic() - began < 5
    assert '"event":"stopped"' in server.log
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("wait", ["0", "2"])
def test_waiting_has_an_end(tmp_path: Path, free_port: int, database: str, wait: str) -> None:
    """After the time that the setting says the start fails with one sentence; with 0 it fails at once."""
    server = Waiting(tmp_path, free_port, database, "--database-wait", wait)
    assert server.process.wait(20) == 1
    last = server.log.splitlines()[-1]
    assert last.startswith("clientry: The database postgresql://clientry@")
    assert ("did not come up within 2 seconds" in last) is (wait == "2")


def test_a_database_that_does_not_take_us_is_not_waited_for(
    tmp_path: Path, free_port: int, database: str, proxy: Proxy
) -> None:
    """One that is up and does not know the database that is named ends the start at once, with what it says."""
    proxy.become(Mode.PASS)
    server = Waiting(tmp_path, free_port, database.replace("/db_", "/no_"))
    assert server.process.wait(20) == 1
    (line,) = server.log.splitlines()
    assert "does not exist" in line
