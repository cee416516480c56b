"""A real PgBouncer in transaction mode before a PostgreSQL, where it is installed."""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.postgres import USER, Postgres, free_port, unprivileged

POOL = 3
"""Connections to a database, shared by whoever connects to the pooler."""


class PgBouncer:
    """A running pooler. `ignored`: parameters of a start that it lets pass; `port`: where it listens on loopback."""

    def __init__(self, postgres: Postgres, ignored: str = "", size: int = POOL) -> None:
        program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
        if program is None:
            pytest.skip("PgBouncer is not installed")
        self.port = free_port()
        self._postgres = postgres
        self._folder = Path(tempfile.mkdtemp(prefix="clientry-pgbouncer-", dir="/tmp"))
        as_user = unprivileged()
        if as_user:
            shutil.chown(self._folder, as_user["user"])
        (self._folder / "users").write_text(f'"{USER}" ""\n')
        (self._folder / "pgbouncer.ini").write_text(self._settings(ignored, size))
        command = [program, str(self._folder / "pgbouncer.ini")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process: subprocess.Popen[Any] = subprocess.Popen(command, **quiet, **as_user)
        self._wait()

    def url(self, database: str) -> str:
        """Return the way through the pooler to the database of another URL."""
        return database.replace(f":{self._postgres.port}/", f":{self.port}/")

    def remove(self) -> None:
        """Stop it and delete its files."""
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self._folder)

    def _settings(self, ignored: str, size: int) -> str:
        return "\n".join(
            (
                f"[databases]\n* = host=127.0.0.1 port={self._postgres.port}",
                f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}",
                "unix_socket_dir =\nauth_type = trust",
                f"auth_file = {self._folder}/users\nlogfile = {self._folder}/log",
                f"pool_mode = transaction\ndefault_pool_size = {size}\nignore_startup_parameters = {ignored}\n",
            )
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
