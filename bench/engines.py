"""Both engines, one worker and two, in one run, and what follows: `.venv/bin/python -m bench.engines [--write-docs]`."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import scaling, servers, side_by_side
from bench.cost import Measured
from bench.databases import configure, engines
from bench.load import require_wrk
from bench.place import WORKLOADS, Place
from clientry.clock import SystemClock
from clientry.randomness import SystemRandom
from clientry.records.identifier import new_id
from clientry.storage import Transaction
from clientry.storage.sqlite import SqliteStorage, writer
from clientry.storage.sqlite.schema import migrate

DOCS = Path(__file__).parents[1] / "docs" / "explanation"
WRITERS = 64


def run(
    rounds: int, seconds: float, tell: Callable[[str], None]
) -> tuple[dict[str, dict[str, Measured]], side_by_side.SideBySide]:
    """Measure every place with every workload, in interleaved rounds; only the server that is measured runs."""
    found: dict[str, dict[str, list[Measured]]] = {}
    with engines() as (folder, made):
        admins: dict[str, dict[str, str]] = {}
        for engine, databases in made.items():
            configure(folder / engine, databases.new_database())
            admins[engine] = servers.initialise(folder / engine)
        for number in range(rounds):
            for engine, admin in admins.items():
                for workers in (1, 2):
                    name = f"{engine}, {workers} worker{'s' * (workers > 1)}"
                    with servers.clientry(folder / engine, workers) as server:
                        place = Place.of(server, admin)
                        for workload in WORKLOADS:
                            tell(f"round {number + 1} of {rounds}: {name}, {workload}")
                            sample = place.measure(workload, seconds, made[engine].pid)
                            found.setdefault(name, {}).setdefault(workload, []).append(sample)
        tell("PostgreSQL: accounts that change at once")
        accounts = side_by_side.measure(str(made["PostgreSQL"].new_database()))
    medians = {
        name: {workload: _median(samples) for workload, samples in workloads.items()}
        for name, workloads in found.items()
    }
    return medians, accounts


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
        found, accounts = run(chosen.rounds, chosen.seconds, status.update)
    table = Table("place", *(f"{workload}/s" for workload in WORKLOADS), "µs of a token: Clientry", "PostgreSQL")
    for name, workloads in found.items():
        token = workloads["token"]
        rates = [f"{workloads[workload].rate:,.0f}" for workload in WORKLOADS]
        table.add_row(name, *rates, f"{token.own:.0f}", f"{token.database:.0f}")
    console.print(table)
    console.print(f"Commits by {WRITERS} writers: {single:,.0f}/s one each, {grouped:,.0f}/s grouped")
    console.print(accounts)
    if chosen.write_docs:
        costs = scaling.Costs(
            token=found["PostgreSQL, 1 worker"]["token"].own,
            token_database=found["PostgreSQL, 1 worker"]["token"].database,
            token_sqlite=found["SQLite, 1 worker"]["token"].own,
            create=found["PostgreSQL, 1 worker"]["create"].own,
            create_database=found["PostgreSQL, 1 worker"]["create"].database,
            rates={name: {kind: one.rate for kind, one in kinds.items()} for name, kinds in found.items()},
            commits=(single, grouped),
            accounts=accounts,
        )
        DOCS.joinpath("scaling.md").write_text(scaling.page(costs, ".venv/bin/python -m bench.engines --write-docs"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
