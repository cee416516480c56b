"""What a million clients cost, against a thousand, on both engines: `.venv/bin/python -m bench.scale [--clients N] [--write-docs]`.

Shapes: all clients in one account, and spread over child accounts, a tenth as many, of one account whose admin lists them all.
"""

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from rich.console import Console
from rich.table import Table
from tests.support.postgres import Postgres

from bench import servers
from bench.load import load, require_wrk

DOCS = Path(__file__).parents[1] / "docs" / "explanation"
SMALL = 1_000
SAMPLE = 20_000
PAGE = 100
PLACES = 10


class Population(Struct, frozen=True):
    """A running server with many clients, and the admin client of their account."""

    name: str
    server: servers.Process
    credentials: Path
    token: str
    clients: int


class Figures(Struct):
    """What was measured of a population; times in milliseconds."""

    token: list[float]
    get: list[float]
    first_page: float = 0
    other_pages: tuple[float, ...] = ()
    counts: dict[str, float] | None = None
    text_filter: float = 0
    all_seconds: float = 0
    all_growth: float = 0


def populate(folder: Path, name: str, database: str | None, clients: int, accounts: int) -> dict[str, str]:
    """Make a data directory with clients, and return its admin client's credentials."""
    data = folder / name
    data.mkdir(mode=0o700)
    if database is not None:
        (data / "clientry.toml").write_text(f"database = {json.dumps(database)}\n")
    servers.initialise(data)
    flags = ["--clients", str(clients), "--accounts", str(accounts), "--credentials", str(folder / f"{name}.all")]
    made = _clientry("dev", "seed", *flags, data=data)
    lines = (folder / f"{name}.all").read_text().splitlines()
    sample = random.Random(1).sample(lines, min(SAMPLE, len(lines)))  # noqa: S311 - a sample
    sample *= -(-SAMPLE // len(sample))  # few clients come round more often: the load generator has the same to do
    (folder / f"{name}.txt").write_text("\n".join(sample) + "\n")
    return _clientry(
        "clients", "create", "--name", "bench", "--type", "admin", "--account", made["account_id"], data=data
    )


def _clientry(*arguments: str, data: Path) -> dict[str, str]:
    command = [str(servers.CLIENTRY), *arguments, "--data", str(data), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def measure(populations: list[Population], rounds: int, seconds: float, tell: Callable[[str], None]) -> list[Figures]:
    """Measure every population; the loads in interleaved rounds."""
    found = [Figures([], []) for _ in populations]
    for number in range(rounds):
        for population, figures in zip(populations, found, strict=True):
            tell(f"round {number + 1} of {rounds}: {population.name}")
            url, sample = population.server.url, str(population.credentials)
            figures.token.append(load(url + servers.TOKEN, seconds, "clients.lua", ("token", sample)).rate)
            figures.get.append(load(url, seconds, "clients.lua", ("get", sample, population.token)).rate)
    for population, figures in zip(populations, found, strict=True):
        tell(f"lists: {population.name}")
        _lists(population, figures)
    return found


def _lists(population: Population, figures: Figures) -> None:
    reader = _Reader(population)
    first = f"/v1/clients?page_size={PAGE}&page_number=1&status=any"
    figures.first_page = statistics.median(reader.page_milliseconds(first) for _ in range(41))
    pages = population.clients // PAGE
    others = [
        _walk(reader, first.replace("page_number=1", f"page_number={max(1, pages * place // PLACES)}"))
        for place in range(1, PLACES)
    ]
    figures.other_pages = tuple(others)
    if reader.page(first)["meta"]["count"] != population.clients + 1:
        raise RuntimeError("meta.count is not the number of clients")
    filters = {"none": "", "type": "&client_type=standard", "status": "&status=disabled"}
    base = "/v1/clients?page_size=1&page_number=1"
    figures.counts = {name: reader.median(base + more) for name, more in filters.items()}
    figures.text_filter = _timed(lambda: reader.read(f"{base}&name=Seed+{population.clients // 2}"))
    before = population.server.resident_megabytes()
    figures.all_seconds, figures.all_growth = reader.everything(
        f"/v1/clients?page_size={population.clients + 1}&page_number=1"
    )
    figures.all_growth -= before


def _walk(reader: "_Reader", start: str) -> float:
    """Follow the next pages from one on, twice; return the median of the second time: the first page is no first visit either."""
    times: list[float] = []
    for _ in range(2):
        times.clear()
        url = str(reader.page(start)["meta"]["next_page_url"])
        while url and len(times) < 20:
            url = str(reader.page(url)["meta"]["next_page_url"])
            times.append(reader.last_milliseconds)
    return statistics.median(times)


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


class _Reader:
    """Reads lists over one connection."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self.last_milliseconds = 0.0
        self._connection = http.client.HTTPConnection(urlsplit(population.server.url).netloc, timeout=600)

    def read(self, url: str) -> bytes:
        started = time.perf_counter()
        answer = self._ask(url)
        body = answer.read()
        self.last_milliseconds = (time.perf_counter() - started) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{url}: {answer.status} {body[:200]!r}")
        return body

    def page(self, url: str) -> dict[str, dict[str, str | int]]:
        return json.loads(self.read(url))

    def page_milliseconds(self, url: str) -> float:
        """Read a page as a walk does, and return how long it took."""
        self.page(url)
        return self.last_milliseconds

    def median(self, url: str) -> float:
        return statistics.median(_timed(lambda: self.read(url)) for _ in range(41))

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


def _row(name: str, small: Figures, large: Figures) -> tuple[str, ...]:
    def cost(kind: str) -> str:
        pairs = zip(getattr(small, kind), getattr(large, kind), strict=True)
        return f"{statistics.median(few / many for few, many in pairs):.2f}"

    counts = max((large.counts or {})[key] / (small.counts or {})[key] for key in large.counts or {})
    return (
        name,
        cost("token"),
        cost("get"),
        f"{max(large.other_pages) / large.first_page:.2f}",
        f"{large.first_page:.1f} ms",
        f"{counts:.2f}",
        f"{large.text_filter:.0f} ms",
        f"{large.all_seconds:.0f} s",
        f"{large.all_growth:.0f} MB",
    )


HEADINGS = (
    "shape",
    "token",
    "get",
    "worst page / first",
    "first page",
    "count",
    "text filter",
    "all in one page",
    "memory for it",
)


def run(clients: int, rounds: int, seconds: float, tell: Callable[[str], None]) -> list[tuple[str, ...]]:
    """Measure both shapes on both engines, and return a row for each."""
    shapes = {"one account": 0, f"{clients // 10:,} child accounts": clients // 10}
    table: list[tuple[str, ...]] = []
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        postgres = Postgres(fsync="on", shared_buffers="512MB")
        running.callback(postgres.remove)
        for engine in ("SQLite", "PostgreSQL"):
            with ExitStack() as serving:
                populations: list[Population] = []
                for name, size, accounts in [("small", SMALL, 0), *((n, clients, a) for n, a in shapes.items())]:
                    tell(f"{engine}: {size:,} clients, {name}")
                    place = f"{engine}-{len(populations)}"
                    database = postgres.new_database() if engine == "PostgreSQL" else None
                    admin = populate(folder, place, database, size, accounts)
                    server = serving.enter_context(servers.clientry(folder / place))
                    token = servers.access_token(server.url, servers.form(admin["client_id"], admin["client_secret"]))
                    populations.append(Population(f"{engine}, {name}", server, folder / f"{place}.txt", token, size))
                found = measure(populations, rounds, seconds, tell)
                table += [_row(p.name, found[0], f) for p, f in zip(populations[1:], found[1:], strict=True)]
    return table


def page(table: list[tuple[str, ...]], clients: int, command: str) -> str:
    """Return docs/explanation/a-million-clients.md."""
    rows = "\n".join("| " + " | ".join(row) + " |" for row in table)
    return f"""# A million clients

{clients:,} clients in one account, and spread over {clients // 10:,} child accounts of one parent whose admin lists them all,
against {SMALL:,} clients in one account: what a request costs, as a multiple. Measured in interleaved rounds in one run, by:

```sh
{command}
```

| {" | ".join(HEADINGS)} |
|{"---|" * len(HEADINGS)}
{rows}

*token* and *get*: {SAMPLE:,} of the clients in turn, chosen at random. *worst page / first*: the slowest of {PLACES - 1}
places along the walk over `next_page_url`, pages of {PAGE}, against the first page, neither read for the
first time. *count*: the worst of no
filter, `client_type` and `status`.
*text filter*: a `name` that is looked for in all of them: the one request whose cost grows with the list. *all in one page*: a
page as large as the list, and by how much the worker's memory grew while it was sent.
"""


def main() -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description="Measure many clients against few.")
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--write-docs", action="store_true", help="renew docs/explanation/a-million-clients.md")
    chosen = parser.parse_args()
    require_wrk()
    console = Console()
    with console.status("starting") as status:
        table = run(chosen.clients, chosen.rounds, chosen.seconds, status.update)
    shown = Table(*HEADINGS)
    for row in table:
        shown.add_row(*row)
    console.print(shown)
    if chosen.write_docs:
        command = ".venv/bin/python -m bench.scale --write-docs"
        DOCS.joinpath("a-million-clients.md").write_text(page(table, chosen.clients, command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
