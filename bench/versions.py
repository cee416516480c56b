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
from bench.databases import configure, engines
from bench.load import require_wrk
from bench.place import WORKLOADS, Place


def run(revision: str, rounds: int, seconds: float, tell: Callable[[str], None]) -> dict[str, dict[str, list[float]]]:
    """Return, for each engine and workload, this checkout's rate as a multiple of the revision's, round by round."""
    found: dict[str, dict[str, list[float]]] = {}
    with engines() as (folder, made):
        programs = {"now": (str(servers.CLIENTRY),), "then": program_of(revision, folder / "then")}
        for engine, databases in made.items():
            with ExitStack() as running:
                places: list[Place] = []
                for version, program in programs.items():
                    data = folder / f"{engine}-{version}"
                    configure(data, databases.new_database())
                    first = servers.initialise(data, program)
                    places.append(Place.of(running.enter_context(servers.clientry(data, program=program)), first))
                ratios: dict[str, list[float]] = {workload: [] for workload in WORKLOADS}
                for number in range(rounds):
                    for workload, so_far in ratios.items():
                        tell(f"{engine}, round {number + 1} of {rounds}: {workload}")
                        # Who comes first changes with the round, and so does whom a machine that becomes slower is against.
                        order = places if number % 2 else places[::-1]
                        rates = {place.client_id: place.load(workload, seconds).rate for place in order}
                        now, then = (rates[place.client_id] for place in places)
                        so_far.append(now / then)
                found[engine] = ratios
    return found


def main() -> int:
    """Measure, and print the medians and the spread."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.versions", description="Measure this checkout against another."
    )
    parser.add_argument("revision", help="a commit, a tag or a branch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2)
    chosen = parser.parse_args()
    require_wrk()
    console = Console()
    with console.status("starting") as status:
        found = run(chosen.revision, chosen.rounds, chosen.seconds, status.update)
    table = Table("workload", *found, title=f"This checkout's rates, as multiples of those of {chosen.revision}")
    for workload in WORKLOADS:
        cells = [
            f"{statistics.median(found[engine][workload]):.2f} "
            f"({min(found[engine][workload]):.2f} to {max(found[engine][workload]):.2f})"
            for engine in found
        ]
        table.add_row(workload, *cells)
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
