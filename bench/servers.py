"""The servers that are measured: each a process of its own on a free port."""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from tests.support.revision import Program
from tests.support.server import CURRENT

HERE = Path(__file__).parent
TOKEN = "/api-services/v1/auth/token"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Process:
    """A server: started with the context, ended with it."""

    def __init__(self, command: list[str], port: int, ready: str, tls: ssl.SSLContext | None = None) -> None:
        self._command = command
        self._tls = tls
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self._ready = self.url + ready

    def spawn(self) -> None:
        """Start it, and do not wait for it."""
        with open("/tmp/clientry-bench.log", "ab") as log:  # noqa: S108, PTH123
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def end(self) -> None:
        """Ask it to end, and wait for that."""
        self.process.terminate()
        self.process.wait(20)

    def __enter__(self) -> "Process":
        self.spawn()
        for _ in range(400):
            try:
                with urllib.request.urlopen(self._ready, timeout=2, context=self._tls):  # noqa: S310
                    return self
            except OSError:
                time.sleep(0.025)
        self.process.kill()
        raise RuntimeError(f"{self._command[0]} did not start")

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def resident_megabytes(self) -> float:
        """Return the memory that the process holds; the pages of a database's file that it looks into are the system's."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(kilobytes) * 1024 / 1e6


def ceiling() -> Process:
    """Return constant JSON without middleware."""
    port = free_port()
    return Process([sys.executable, "-m", "bench.ceiling", str(port)], port, "/")


def initialise(data: Path, program: Program = CURRENT) -> dict[str, str]:
    """Make a data directory and return its first client's credentials."""
    command = [*program, "init", "--data", str(data), "--owner-email", "bench@example.com", "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def clientry(data: Path, workers: int = 1, program: Program = CURRENT, tls: ssl.SSLContext | None = None) -> Process:
    """Return Clientry on a data directory, with its log of every request.

    Args:
        data: the directory.
        workers: how many.
        program: the command that is Clientry.
        tls: what its certificate is checked with, None: it has none.
    """
    port = free_port()
    command = [*program, "serve", "--data", str(data), "--port", str(port), "--workers", str(workers)]
    return Process(command, port, "/readyz", tls)


def peer() -> Process | str:
    """Return node-oidc-provider, or why it is not there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not installed"
    folder = HERE / "peer"
    if not (folder / "node_modules").exists():
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            return f"npm could not install it: {done.stderr.strip()[:200]}"
    port = free_port()
    return Process(["node", str(folder / "server.mjs"), str(port)], port, "/.well-known/openid-configuration")


def form(client_id: str, client_secret: str) -> str:
    """Return the body of a token request."""
    return urlencode({"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret})


def access_token(url: str, body: str) -> str:
    """Return an access token of Clientry."""
    with urllib.request.urlopen(url + TOKEN, body.encode(), timeout=10) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found["access_token"]
