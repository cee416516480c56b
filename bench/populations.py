"""Many clients on a running server: made by `clientry dev seed`, read over one connection with a clock beside it."""

import http.client
import json
import random
import statistics
import subprocess
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct
from tests.support.server import CURRENT

from bench import servers
from bench.cost import Measured, measured
from bench.databases import Engine, configure
from bench.load import load

SAMPLE = 20_000
TIMES = 40


class Planted(Struct, frozen=True):
    """A database with many clients: their account, and the credentials of its admin client and of the root's."""

    account_id: str
    admin: dict[str, str]
    root: dict[str, str]


class Population(Struct, frozen=True):
    """A running server with many clients.

    Attributes:
        name: what it is called.
        server: it runs.
        database_pid: the process of its database, None where it has none of its own.
        credentials: a file with those of many of the clients.
        admin: the credentials of their account's admin client.
        token: an access token of that.
        clients: how many there are.
    """

    name: str
    server: servers.Process
    database_pid: int | None
    credentials: Path
    admin: dict[str, str]
    token: str
    clients: int

    @classmethod
    def of(cls, place: Path, server: servers.Process, engine: Engine, planted: Planted, clients: int) -> Self:
        """Return what runs on a data directory, with a token."""
        body = servers.form(planted.admin["client_id"], planted.admin["client_secret"])
        token = servers.access_token(server.url, body)
        return cls(place.name, server, engine.pid, place.with_suffix(".txt"), planted.admin, token, clients)

    def measure(self, kind: str, seconds: float) -> Measured:
        """Have many clients get a `token` each, or `get` them by their ids."""
        url = self.server.url + (servers.TOKEN if kind == "token" else "")
        arguments = (kind, str(self.credentials), self.token)
        return measured(self.server, self.database_pid, seconds, lambda time: load(url, time, "clients.lua", arguments))


def populate(folder: Path, name: str, engine: Engine, *seed: str) -> Planted:
    """Make a data directory with clients, with flags of `dev seed`."""
    data, database = folder / name, engine.new_database()
    configure(data, database)
    root = servers.initialise(data)
    made = _clientry("dev", "seed", *seed, "--credentials", str(folder / f"{name}.all"), data=data)
    lines = (folder / f"{name}.all").read_text().splitlines()
    sample = random.Random(1).sample(lines, min(SAMPLE, len(lines)))  # noqa: S311 - a sample
    sample *= -(-SAMPLE // len(sample))  # few clients come round more often: the load generator has the same to do
    (folder / f"{name}.txt").write_text("\n".join(sample) + "\n")
    account = made["account_id"]
    admin = _clientry("clients", "create", "--name", "bench", "--type", "admin", "--account", account, data=data)
    engine.settle(database)
    return Planted(account, admin, root)


def _clientry(*arguments: str, data: Path) -> dict[str, str]:
    command = [*CURRENT, *arguments, "--data", str(data), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def in_turns(one: Iterator[float], other: Iterator[float]) -> float:
    """Return how many times as long one thing takes as another, both done again and again in turns."""
    both = list(islice(zip(one, other, strict=False), TIMES))
    return statistics.median(first for first, _ in both) / statistics.median(second for _, second in both)


class Reader:
    """Reads lists over one connection."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self.last_milliseconds = 0.0
        self._connection = http.client.HTTPConnection(urlsplit(population.server.url).netloc, timeout=600)

    def read(self, url: str) -> bytes:
        """Return the body of an answer, which must be 200."""
        started = time.perf_counter()
        answer = self._ask(url)
        body = answer.read()
        self.last_milliseconds = (time.perf_counter() - started) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{url}: {answer.status} {body[:200]!r}")
        return body

    def meta(self, url: str) -> dict[str, str | int | None]:
        """Return what a page of a list says of the list."""
        return json.loads(self.read(url))["meta"]

    def again(self, url: str) -> Iterator[float]:
        """Read the same again and again, and yield how many milliseconds each took."""
        while True:
            self.read(url)
            yield self.last_milliseconds

    def walk(self, start: str) -> Iterator[float]:
        """Follow the next pages of a list from a page on, and yield how many milliseconds each took."""
        url = self.meta(start)["next_page_url"]
        while url:
            url = self.meta(str(url))["next_page_url"]
            yield self.last_milliseconds

    def everything(self, url: str) -> tuple[float, float]:
        """Read a page of everything; return its seconds and the most memory that the worker held meanwhile, in MB."""
        started = time.perf_counter()
        answer, rows, most = self._ask(url), 0, 0.0
        while part := answer.read(1 << 20):
            rows += part.count(b'"client_id"')
            most = max(most, self._population.server.resident_megabytes())
        if abs(rows - self._population.clients) > 100:  # a name may be cut in two by the parts
            raise RuntimeError(f"{rows} rows of {self._population.clients}")
        return time.perf_counter() - started, most

    def _ask(self, url: str) -> http.client.HTTPResponse:
        target = url[url.index("/v1/") :]
        self._connection.request("GET", target, headers={"Authorization": f"Bearer {self._population.token}"})
        return self._connection.getresponse()
