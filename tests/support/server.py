"""A real `clientry serve`: its own process, its own data directory, a free port."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.registry import Credentials, access_token
from tests.support.revision import Program
from tests.support.wire import Reply, bearer, send

CLIENTRY = str(Path(sys.executable).with_name("clientry"))
CURRENT: Program = (CLIENTRY,)
START_TIMEOUT = 20.0

_PORT = re.compile(r'\bport"?[:=](\d+)')


def clientry(*arguments: str, data: Path, env: dict[str, str] | None = None, program: Program = CURRENT) -> Any:
    """Run a command on a data directory and return the object that it prints with --json."""
    command = [*program, *arguments, "--data", str(data), "--json"]
    done = subprocess.run(command, env=_environment(env), check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Server:
    """A running server, on SQLite or the PostgreSQL database of a URL.

    `url`: where it is; `admin`: its first client; `data`: its directory; `database`: the URL that was given.
    """

    def __init__(
        self,
        data: Path,
        *,
        port: int = 0,
        env: dict[str, str] | None = None,
        database: str | None = None,
        program: Program = CURRENT,
        ready: int = 200,
    ) -> None:
        """Initialise the directory if it is not there, start, and wait until requests may be sent.

        `program`: the command that is Clientry, of this version or another. `ready`: what `/readyz` is to answer.
        """
        self.data = data
        self.database = database
        first = data.with_suffix(".json")
        if database is not None and not data.exists():
            data.mkdir(mode=0o700)
            (data / "clientry.toml").write_text(f"database = {json.dumps(database)}\n")
        if not first.exists():
            made = clientry("init", "--owner-email", "owner@example.com", data=data, env=env, program=program)
            first.write_text(json.dumps(made))
        made = json.loads(first.read_text())
        self.account_id: str = made["account_id"]
        self.admin = Credentials(made["client_id"], made["client_secret"])
        self._lines: list[str] = []
        environment = _environment({"CLIENTRY_LOG_FORMAT": "json", **(env or {})})
        self._process = subprocess.Popen(
            [*program, "serve", "--data", str(data), "--port", str(port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self.pid = self._process.pid
        try:
            self.url = self._wait_until_ready(ready)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """Everything that it has written to stdout and stderr."""
        return "".join(self._lines)

    def token(self, client_id: str, client_secret: str, scope: str = "") -> str:
        """Return an access token."""
        return access_token(self.url, Credentials(client_id, client_secret), scope)

    def request(
        self,
        method: str,
        path: str,
        token: str | None = None,
        json: object = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send one request; a body that is given goes as JSON."""
        sent = list((headers or {}).items()) + ([bearer(token)] if token else [])
        if json is None:
            return send(self.url, method, path, sent)
        return send(self.url, method, path, [*sent, ("Content-Type", "application/json")], _json(json))

    def audit_is_whole(self) -> bool:
        """Tell whether every audit chain verifies."""
        command = [CLIENTRY, "audit", "verify", "--data", str(self.data)]
        return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        try:
            code = self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self._reader.join(5)
        return code

    def _collect(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)

    def _wait_until_ready(self, ready: int) -> str:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log
            found = _PORT.search(self.log)
            if found is not None and send(f"http://127.0.0.1:{found[1]}", "GET", "/readyz").status == ready:
                return f"http://127.0.0.1:{found[1]}"
            time.sleep(0.02)
        raise AssertionError(f"not ready: {self.log}")


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    """Return this process's environment without settings of its own, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTRY_")}
    return {**kept, **(more or {})}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
