"""What became slower or faster since a revision, on both engines: `.venv/bin/python -m bench.versions REVISION`.

The checkout and the revision run at the same time, each on a database of its own, and are loaded in turns. The revision runs from
its own sources with the libraries of today.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack

from rich.console import Console
from rich.table import Table
from tests.support.revision import program_of

from bench import servers
from bench.cost import Measured
from bench.databases import Engine, configure, engines
from bench.load import require_wrk
from bench.place import WORKLOADS, Place

Pair = tuple[Measured, Measured]


def run(revision: str, rounds: int, seconds: float, tell: Callable[[str], None]) -> dict[str, dict[str, list[Pair]]]:
    """Return what was measured of this checkout and of the revision: for each engine and workload, round by round."""
    found: dict[str, dict[str, list[Pair]]] = {}
    with engines() as (folder, made):
        programs = {"now": (str(servers.CLIENTRY),), "then": program_of(revision, folder / "then")}
        for name, engine in made.items():
            with ExitStack() as running:
                places: list[Place] = []
                for version, program in programs.items():
                    data = folder / f"{name}-{version}"
                    configure(data, engine.new_database())
                    first = servers.initialise(data, program)
                    places.append(Place.of(running.enter_context(servers.clientry(data, program=program)), first))
                found[name] = {workload: [] for workload in WORKLOADS}
                for number in range(rounds):
                    for workload, pairs in found[name].items():
                        tell(f"{name}, round {number + 1} of {rounds}: {workload}")
                        pairs.append(_pair(places, engine, workload, seconds, swapped=number % 2 == 1))
    return found


def _pair(places: list[Place], engine: Engine, workload: str, seconds: float, *, swapped: bool) -> Pair:
    """Load both; who comes first changes with the round, and so does whom a machine that becomes slower is against."""
    order = places[::-1] if swapped else places
    first, second = (place.measure(workload, seconds, engine.pid) for place in order)
    return (second, first) if swapped else (first, second)


def _rate(pair: Pair) -> float:
    now, then = pair
    return now.rate / then.rate


def _processor(pair: Pair) -> float:
    now, then = pair
    return now.processor / then.processor


def _row(pairs: list[Pair]) -> tuple[str, str]:
    """Return the medians and quartiles of the ratios of the rates, and of the processor time per answer."""
    cells: list[str] = []
    for ratio in (_rate, _processor):
        low, middle, high = statistics.quantiles(map(ratio, pairs), n=4)
        cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
    return cells[0], cells[1]


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.versions", description="Measure this checkout against another."
    )
    parser.add_argument("revision", help="a commit, a tag or a branch")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=2)
    chosen = parser.parse_args()
    require_wrk()
    console = Console()
    with console.status("starting") as status:
        found = run(chosen.revision, chosen.rounds, chosen.seconds, status.update)
    table = Table(
        "engine", "workload", "rate", "processor time", title=f"This checkout, as multiples of {chosen.revision}"
    )
    for engine, workloads in found.items():
        for workload, pairs in workloads.items():
            table.add_row(engine, workload, *_row(pairs))
    console.print(table, "Medians of the rounds, and their quartiles.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
