"""Three PostgreSQL under Patroni with etcd, all on loopback; every way to a member leads through a proxy that can be cut."""

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - it has annotations, and no stubs
import yaml
from tests.support.eventually import eventually
from tests.support.postgres import USER, binaries, free_port
from tests.support.proxy import Mode, Proxy

TTL = 20
"""Seconds after which a leader that says nothing has lost its place; the least that Patroni allows."""
SYNCHRONOUS: dict[str, object] = {
    "synchronous_mode": True,
    "synchronous_mode_strict": True,
    "maximum_lag_on_failover": 0,
}
ASYNCHRONOUS: dict[str, object] = {
    "synchronous_mode": False,
    "synchronous_mode_strict": False,
    "maximum_lag_on_failover": 1_048_576,  # Patroni's own default
}
PATRONI = (str(Path(sys.executable).with_name("patroni")),)
# PostgreSQL refuses to be root. In a user namespace root has another number, and keeps its right to the files of this checkout.
NOT_ROOT = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.geteuid() == 0 else ()


class Member:
    """One PostgreSQL with its Patroni.

    `name`: what Patroni calls it; `port`: where PostgreSQL listens, which no proxy cuts; `proxy`: the way that Clientry takes.
    """

    def __init__(self, number: int, folder: Path, etcd_port: int) -> None:
        self.name = f"member{number}"
        self._folder = folder / self.name
        self._folder.mkdir()
        self.port, self._rest = free_port(), free_port()
        self.proxy = Proxy(self.port)
        self._to_postgres, self._to_patroni, self._to_etcd = Proxy(self.port), Proxy(self._rest), Proxy(etcd_port)
        self._from_cluster = (self._to_postgres, self._to_patroni, self._to_etcd)
        self._file = self._folder / "patroni.yml"
        self._file.write_text(yaml.safe_dump(self._configuration()))
        self.start()

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        with (self._folder / "log").open("ab") as log:
            self._process: subprocess.Popen[Any] = subprocess.Popen(
                [*NOT_ROOT, *PATRONI, str(self._file)], stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """Kill everything of it."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        """Stop everything of it where it is."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let everything of it go on."""
        self._signal(signal.SIGCONT)

    def cut_off(self) -> None:
        """Let every byte between it and all others vanish: etcd, the other members, Clientry."""
        self.isolate()
        self.proxy.become(Mode.BLACK_HOLE)

    def isolate(self) -> None:
        """Let every byte between it and the rest of the cluster vanish; Clientry still reaches it."""
        for proxy in self._from_cluster:
            proxy.become(Mode.BLACK_HOLE)

    def join(self) -> None:
        """Mend what `cut_off` or `isolate` broke; a connection that lost bytes is reset."""
        for proxy in (self.proxy, *self._from_cluster):
            proxy.become(Mode.PASS)
            proxy.cut()

    def remove(self) -> None:
        """End everything of it."""
        self.thaw()
        self.kill()
        for proxy in (self.proxy, *self._from_cluster):
            proxy.__exit__(None, None, None)

    def is_primary(self) -> bool:
        """Tell whether it says that it is the writable one."""
        return self._ask("/primary") == 200

    def is_replica(self) -> bool:
        """Tell whether it follows the primary."""
        return self._ask("/replica") == 200

    def is_synchronous(self) -> bool:
        """Tell whether it is the replica that commits wait for."""
        return self._ask("/sync") == 200

    def switch_over(self) -> None:
        """Ask it to hand its place over, and wait until it has."""
        self._tell("POST", "/switchover", {"leader": self.name})

    def configure(self, settings: dict[str, object]) -> None:
        """Change the settings of the whole cluster."""
        self._tell("PATCH", "/config", settings)

    def sql(self, statement: str) -> str:
        """Run a statement in Clientry's database, as one who needs no network, and return what it prints."""
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", "clientry", "-c", statement]
        command = [str(binaries() / "psql"), "-X", "-q", "-A", "-t", *place]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def log(self) -> str:
        """Return what it said."""
        return (self._folder / "log").read_text()

    def _ask(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._rest, timeout=0.5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def _tell(self, method: str, path: str, body: dict[str, object]) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._rest}{path}", json.dumps(body).encode(), method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            assert answer.status == 200

    def _signal(self, number: int) -> None:
        """Send a signal to Patroni, to PostgreSQL, which is a session of its own, and to everything below them."""
        roots = [self._process.pid] if self._process.poll() is None else []
        with contextlib.suppress(OSError):
            roots.append(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        for pid in _with_descendants(roots):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _configuration(self) -> dict[str, Any]:
        trust = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
        return {
            "scope": "clientry",
            "name": self.name,
            "restapi": {
                "listen": f"127.0.0.1:{self._rest}",
                "connect_address": f"127.0.0.1:{self._to_patroni.port}",
            },
            # As if it were a proxy: else the real address is discovered, and used behind the proxy's back.
            "etcd3": {"hosts": [f"127.0.0.1:{self._to_etcd.port}"], "use_proxies": True},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL,
                    "loop_wait": 2,
                    "retry_timeout": 6,
                    **SYNCHRONOUS,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "pg_hba": trust,
                        "parameters": {"max_connections": 100, "wal_keep_size": "256MB", "wal_log_hints": "on"},
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}, "no-sync"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self._to_postgres.port}",
                "data_dir": str(self._folder / "data"),
                "bin_dir": str(binaries()),
                "pgpass": str(self._folder / "pgpass"),
                "use_unix_socket": True,
                "parameters": {"unix_socket_directories": str(self._folder)},
                "authentication": {name: {"username": USER} for name in ("superuser", "replication", "rewind")},
            },
        }


class Cluster:
    """Three members and the etcd that they agree by."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="clientry-failover-", dir="/tmp"))
        self._folder.chmod(0o755)
        port, peer = free_port(), free_port()
        client, between = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
        command = ["etcd", "--data-dir", str(self._folder / "etcd"), "--listen-client-urls", client]
        command += ["--advertise-client-urls", client, "--listen-peer-urls", between]
        command += ["--initial-advertise-peer-urls", between, "--initial-cluster", f"default={between}"]
        with (self._folder / "etcd.log").open("wb") as log:
            self._etcd: subprocess.Popen[Any] = subprocess.Popen(command, stdout=log, stderr=log)
        self.members = [Member(number, self._folder, port) for number in range(3)]
        self.wait_until_whole()
        place = ["-h", "127.0.0.1", "-p", str(self.primary().proxy.port), "-U", USER, "-d", "postgres"]
        subprocess.run([str(binaries() / "psql"), *place, "-c", "CREATE DATABASE clientry"], check=True)

    @property
    def url(self) -> str:
        """The database, by all its hosts."""
        hosts = ",".join(f"127.0.0.1:{member.proxy.port}" for member in self.members)
        return f"postgresql://{USER}@{hosts}/clientry?sslmode=disable&target_session_attrs=read-write"

    def primary(self) -> Member:
        """Return the member that says that it is writable."""
        return next(member for member in self.members if member.is_primary())

    def configure(self, settings: dict[str, object]) -> None:
        """Change what `SYNCHRONOUS` and `ASYNCHRONOUS` differ in, and wait until it holds."""
        self.primary().configure(settings)
        waits = bool(settings["synchronous_mode"])
        eventually(lambda: any(member.is_synchronous() for member in self.members) is waits, 30, self._said)

    def wait_until_whole(self, *, synchronous: bool = True) -> None:
        """Wait for one primary and two replicas that follow it, one of them synchronous."""
        eventually(lambda: sum(member.is_primary() for member in self.members) == 1, 90, self._said)
        eventually(lambda: sum(member.is_replica() for member in self.members) == 2, 90, self._said)
        if synchronous:
            eventually(lambda: any(member.is_synchronous() for member in self.members), 90, self._said)

    def remove(self) -> None:
        """End everything."""
        for member in self.members:
            member.remove()
        os.kill(self._etcd.pid, signal.SIGKILL)
        self._etcd.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _said(self) -> str:
        return "\n".join(member.log()[-3000:] for member in self.members)


def first_writable(members: list[Member]) -> float:
    """Wait until PostgreSQL itself says on one of them that it takes writes, and return when that was."""
    return asyncio.run(_first_writable(members))


async def _first_writable(members: list[Member]) -> float:
    place = {"host": "127.0.0.1", "user": USER, "database": "postgres"}
    driver = cast("Any", asyncpg)
    connections = [await driver.connect(port=member.port, **place) for member in members]
    try:
        async with asyncio.timeout(90):
            while True:
                for one in connections:
                    if not await one.fetchval("SELECT pg_is_in_recovery()"):
                        return time.monotonic()
                await asyncio.sleep(0.02)
    finally:
        for one in connections:
            one.terminate()


def _with_descendants(roots: list[int]) -> list[int]:
    """Return processes and all that they started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    parents = [(int(pid), int(parent)) for pid, parent in (line.split() for line in listed.splitlines())]
    found = list(roots)
    for pid in found:
        found += [child for child, parent in parents if parent == pid and child not in found]
    return found
