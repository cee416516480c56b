"""A server that goes on while its files are replaced: certificate and log, one process and several."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import certificates
from tests.support.eventually import eventually
from tests.support.server import CLIENTRY


class Running:
    """A server with a certificate, whose log goes to a file."""

    def __init__(self, folder: Path, port: int, workers: int) -> None:
        self.port = port
        self.log = folder / "clientry.log"
        self.pair = (folder / "tls.crt", folder / "tls.key")
        certificates.renew(*self.pair, "first")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTRY_")}
        flags = ["--data", folder / "data", "--port", str(port), "--workers", str(workers), "--log-format", "json"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [CLIENTRY, "serve", *flags, "--tls-cert", self.pair[0], "--tls-key", self.pair[1]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=kept,
            )  # fmt: skip
        eventually(lambda: '"event":"serving"' in self.log.read_text(), within=20, said=self.log.read_text)

    def ask(self, path: str) -> str:
        """Send a request, and return what the certificate was called."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as raw, context.wrap_socket(raw) as tls:
            tls.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert tls.recv(100).startswith(b"HTTP/1.1 404")
            shown = tls.getpeercert(binary_form=True)
        assert shown is not None
        return next(name for name in ("first", "second", "third") if name.encode() in shown)

    def names(self) -> set[str]:
        """Return the names that many connections are shown, so that every worker is asked."""
        return {self.ask("/name") for _ in range(12)}


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def running(request: pytest.FixtureRequest, tmp_path: Path, free_port: int) -> Iterator[Running]:
    one = Running(tmp_path, free_port, request.param)
    yield one
    with contextlib.suppress(ProcessLookupError):
        one.process.terminate()
    one.process.wait(20)


def test_files_are_replaced_under_a_running_server(running: Running) -> None:
    """A renewed certificate is served within seconds; SIGHUP serves it at once and moves the log; nothing ever ends."""
    assert running.names() == {"first"}
    certificates.renew(*running.pair, "second")
    time.sleep(3)
    assert running.names() == {"second"}

    away = running.log.with_suffix(".1")
    running.log.rename(away)
    certificates.renew(*running.pair, "third")
    running.process.send_signal(signal.SIGHUP)
    eventually(lambda: running.log.exists() and running.names() == {"third"}, within=10)
    time.sleep(0.2)
    before = away.stat().st_size
    for number in range(20):
        running.ask(f"/after-{number}")
    eventually(lambda: all(f'"/after-{number}"' in running.log.read_text() for number in range(20)), within=10)
    assert away.stat().st_size == before

    for _ in range(30):
        running.process.send_signal(signal.SIGHUP)
        running.ask("/under-way")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(20) == 0
    assert "a worker died" not in running.log.read_text() + away.read_text()
    assert '"event":"stopped"' in running.log.read_text()


def test_sighup_to_a_worker_does_not_end_it(tmp_path: Path, free_port: int) -> None:
    """Whoever sends SIGHUP to every process of a server, as `pkill -HUP` does, ends none of them."""
    running = Running(tmp_path, free_port, 2)
    listed = subprocess.run(["ps", "-o", "pid=,ppid=", "-A"], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    workers = [pid for pid, parent in pairs if parent == running.process.pid]
    assert len(workers) == 2
    for pid in (*workers, running.process.pid):
        os.kill(pid, signal.SIGHUP)
    time.sleep(0.5)
    assert running.ask("/still-there") == "first"
    running.process.terminate()
    assert running.process.wait(20) == 0
    assert "a worker died" not in running.log.read_text()
