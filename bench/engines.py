"""Both engines, one worker and two, in one run, and what follows: `.venv/bin/python -m bench.engines [--write-docs]`."""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.table import Table
from tests.support.postgres import Postgres

from bench import scaling, servers
from bench.load import Sample, load, require_wrk
from bench.processes import processor_seconds
from clientry.clock import SystemClock
from clientry.identifier import new_id
from clientry.randomness import SystemRandom
from clientry.storage import Transaction
from clientry.storage.sqlite import SqliteStorage, writer
from clientry.storage.sqlite.schema import migrate

DOCS = Path(__file__).parents[1] / "docs" / "explanation"
WRITERS = 64
WORKLOADS = ("token", "get", "create")


class Place(Struct, frozen=True):
    """A server to measure. `database_pid`: of PostgreSQL, None for SQLite."""

    name: str
    server: servers.Process
    form: str
    client_id: str
    token: str
    database_pid: int | None


class Measured(Struct):
    """Medians over the rounds: answers per second, and processor microseconds per answer, of Clientry and of PostgreSQL."""

    rate: float
    own: float
    database: float


def measure(place: Place, workload: str, seconds: float) -> Measured:
    """Load one place once."""
    before = processor_seconds(place.server.process.pid), _database(place)
    sample = _load(place, workload, seconds)
    after = processor_seconds(place.server.process.pid), _database(place)
    answers = sample.rate * seconds
    own, database = ((late - early) / answers * 1e6 for early, late in zip(before, after, strict=True))
    return Measured(sample.rate, own, database)


def _database(place: Place) -> float:
    return 0.0 if place.database_pid is None else processor_seconds(place.database_pid)


def _load(place: Place, workload: str, seconds: float) -> Sample:
    url = place.server.url
    if workload == "token":
        return load(url + servers.TOKEN, seconds, "token.lua", (place.form,))
    if workload == "get":
        return load(f"{url}/v1/clients/{place.client_id}", seconds, None, (f"Authorization: Bearer {place.token}",))
    return load(f"{url}/v1/clients", seconds, "create.lua", (place.token,))


def run(rounds: int, seconds: float, tell: Callable[[str], None]) -> dict[str, dict[str, Measured]]:
    """Measure every place with every workload, in interleaved rounds; only the server that is measured runs."""
    found: dict[str, dict[str, list[Measured]]] = {}
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        postgres = Postgres(fsync="on", shared_buffers="256MB")
        running.callback(postgres.remove)
        admins: dict[str, dict[str, str]] = {}
        for engine in ("SQLite", "PostgreSQL"):
            data = folder / engine
            data.mkdir(mode=0o700)
            if engine == "PostgreSQL":
                (data / "clientry.toml").write_text(f"database = {json.dumps(postgres.new_database())}\n")
            admins[engine] = servers.initialise(data)
        for number in range(rounds):
            for engine, admin in admins.items():
                for workers in (1, 2):
                    name = f"{engine}, {workers} worker{'s' * (workers > 1)}"
                    with servers.clientry(folder / engine, workers) as server:
                        form = servers.form(admin["client_id"], admin["client_secret"])
                        token = servers.access_token(server.url, form)
                        pid = postgres.pid if engine == "PostgreSQL" else None
                        place = Place(name, server, form, admin["client_id"], token, pid)
                        for workload in WORKLOADS:
                            tell(f"round {number + 1} of {rounds}: {name}, {workload}")
                            sample = measure(place, workload, seconds)
                            found.setdefault(name, {}).setdefault(workload, []).append(sample)
    return {
        name: {workload: _median(samples) for workload, samples in workloads.items()}
        for name, workloads in found.items()
    }


def _median(samples: list[Measured]) -> Measured:
    return Measured(
        *(statistics.median(getattr(one, field) for one in samples) for field in ("rate", "own", "database"))
    )


def commits() -> tuple[float, float]:
    """Return changes per second by 64 writers on SQLite: each with a commit of its own, and grouped."""
    groups = writer.MAX_GROUP
    rates: list[float] = []
    for size in (1, groups):
        writer.MAX_GROUP = size  # type: ignore[misc]
        with tempfile.TemporaryDirectory() as folder:
            rates.append(asyncio.run(_commit(Path(folder) / "clientry.db")))
    return rates[0], rates[1]


async def _commit(path: Path, seconds: float = 3) -> float:
    migrate(path)
    storage = SqliteStorage(path)
    done = 0
    until = time.perf_counter() + seconds

    async def write() -> None:
        nonlocal done
        while time.perf_counter() < until:
            name = new_id("check_", SystemClock(), SystemRandom())

            async def body(transaction: Transaction, name: str = name) -> None:
                await transaction.key_checks.add(name, b"")

            await storage.write(body)
            done += 1

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    await storage.close()
    return done / seconds


def main() -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description="Measure both engines.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--write-docs", action="store_true", help="renew docs/explanation/scaling.md")
    chosen = parser.parse_args()
    require_wrk()
    console = Console()
    with console.status("commits") as status:
        single, grouped = commits()
        found = run(chosen.rounds, chosen.seconds, status.update)
    table = Table("place", *(f"{workload}/s" for workload in WORKLOADS), "µs of a token: Clientry", "PostgreSQL")
    for name, workloads in found.items():
        token = workloads["token"]
        rates = [f"{workloads[workload].rate:,.0f}" for workload in WORKLOADS]
        table.add_row(name, *rates, f"{token.own:.0f}", f"{token.database:.0f}")
    console.print(table)
    console.print(f"Commits by {WRITERS} writers: {single:,.0f}/s one each, {grouped:,.0f}/s grouped")
    if chosen.write_docs:
        costs = scaling.Costs(
            token=found["PostgreSQL, 1 worker"]["token"].own,
            token_database=found["PostgreSQL, 1 worker"]["token"].database,
            token_sqlite=found["SQLite, 1 worker"]["token"].own,
            create=found["PostgreSQL, 1 worker"]["create"].own,
            create_database=found["PostgreSQL, 1 worker"]["create"].database,
            rates={name: {kind: one.rate for kind, one in kinds.items()} for name, kinds in found.items()},
            commits=(single, grouped),
        )
        DOCS.joinpath("scaling.md").write_text(scaling.page(costs, ".venv/bin/python -m bench.engines --write-docs"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
