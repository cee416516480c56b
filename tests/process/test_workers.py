"""Several workers on one socket, and their supervisor."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.support.postgres import Postgres
from tests.support.registry import access_token
from tests.support.server import CLIENTRY, Server
from tests.support.wire import ask_token, send

TWO = {"CLIENTRY_WORKERS": "2"}


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, start_server: StartServer, postgres: Postgres) -> Server:
    """Give a server of two workers that both serve, on each engine."""
    database = postgres.new_database() if request.param == "postgresql" else None
    started = start_server(env=TWO, database=database)
    eventually(lambda: '"event":"serving"' in started.log)
    return started


def eventually(holds: Callable[[], bool], within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers(server: Server) -> list[int]:
    """Return the process ids of the workers."""
    listed = subprocess.run(["ps", "-o", "pid=,ppid=,args=", "-A"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [int(pid) for pid, parent, arguments in rows if int(parent) == server.pid and " worker " in arguments]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_f14_a_dead_worker_is_replaced_and_nobody_else_notices(pair: Server) -> None:
    """While one worker after the other is killed, at most the requests that it held fail, and there are two again."""
    outcomes: list[bool] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                outcomes.append(ask_token(pair.url, pair.admin.form).status == 200)
            except OSError:
                outcomes.append(False)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(2):
        before = workers(pair)
        os.kill(before[0], signal.SIGKILL)
        eventually(lambda before=before: len(workers(pair)) == 2 and before[0] not in workers(pair))
        time.sleep(1)
    done.set()
    for asker in askers:
        asker.join()
    assert outcomes.count(False) <= 2 * len(askers)
    assert outcomes.count(True) > 100
    assert "a worker died, and is replaced" in pair.log


def test_a_change_by_one_worker_is_seen_by_all(pair: Server) -> None:
    """A client that is disabled gets no token from any worker from the next request on."""
    token = access_token(pair.url, pair.admin)
    for _ in range(5):
        body = {"name": "x", "locked": False, "scopes": {"products": []}}
        made = pair.request("POST", "/v1/clients", token, json=body).json
        form = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
        form["grant_type"] = "client_credentials"
        assert ask_token(pair.url, form).status == 200
        assert pair.request("PATCH", f"/v1/clients/{made['client_id']}", token, json={"enabled": False}).status == 200
        assert {ask_token(pair.url, form).status for _ in range(10)} == {401}


def test_one_log_and_one_end(pair: Server) -> None:
    """The lines of all workers are whole and carry their number; a signal ends everything with exit code 0."""
    for _ in range(20):
        assert send(pair.url, "GET", "/healthz").status == 200
    before = workers(pair)
    assert pair.stop() == 0
    assert not any(alive(pid) for pid in before)
    lines = [json.loads(line) for line in pair.log.splitlines()]
    assert [line["workers"] for line in lines if line["event"] == "serving"] == [2]
    assert len([line for line in lines if line["event"] == "request" and line["path"] == "/healthz"]) == 20


def test_workers_do_not_outlive_their_supervisor(pair: Server) -> None:
    """When the supervisor is killed its workers end, too: nothing goes on that nobody watches."""
    before = workers(pair)
    assert len(before) == 2
    pair.signal(signal.SIGKILL)
    assert pair.wait() == -signal.SIGKILL
    eventually(lambda: not any(alive(pid) for pid in before))


def test_workers_that_cannot_start_end_the_start(tmp_path: Path, free_port: int) -> None:
    """A certificate that no worker can use ends the start with exit code 1 and the reason, instead of being tried for ever."""
    broken = tmp_path / "broken.pem"
    broken.write_text("nonsense")
    command = [CLIENTRY, "serve", "--data", str(tmp_path / "data"), "--port", str(free_port), "--workers", "2"]
    command += ["--tls-cert", str(broken), "--tls-key", str(broken)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "certificate" in done.stderr
