"""What became slower or faster since a revision, on both engines: `.venv/bin/python -m bench.versions REVISION`.

The checkout and the revision each have databases of their own. Both run at the same time and are loaded in turns; then each is
started again and again, and looked at after a fixed load. Both run from their sources, with the libraries of today.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Final, Self, TypeVar

from msgspec import Struct, structs
from rich.console import Console
from rich.table import Table
from tests.support.revision import ROOT, Program, program_in, program_of

from bench import servers
from bench.cost import Measured
from bench.databases import Engine, configure, engines
from bench.load import LoadError, require_wrk
from bench.memory import FIXED_LOAD, Memory, after_fixed_load
from bench.place import WORKLOADS, Place
from bench.starting import Start, start
from bench.stopped import stopped_line

MEMORY_ROUNDS: Final = 3
WIDTH: Final = 124
"""Columns that the table needs."""

One = TypeVar("One")
Other = TypeVar("Other")
Pair = tuple[One, One]
"""The same of this checkout and of the revision."""


class Version(Struct, frozen=True):
    """A program with an installation of its own.

    Attributes:
        program: the command that is Clientry.
        data: the directory.
        first: the credentials of its first client.
    """

    program: Program
    data: Path
    first: dict[str, str]

    @classmethod
    def install(cls, program: Program, data: Path, engine: Engine) -> Self:
        """Make a data directory, and start on it once: what is done only then, such as compiling, is done."""
        configure(data, engine.new_database())
        made = cls(program, data, servers.initialise(data, program))
        made.start()
        return made

    def below_a_stopped_line(self) -> Self:
        """Return the same with a client whose look-up costs the most."""
        return structs.replace(self, first=stopped_line(self.program, self.data, self.first["account_id"]))

    def serve(self) -> servers.Process:
        """Return its server."""
        return servers.clientry(self.data, program=self.program)

    def start(self) -> Start:
        """Start it, and say how long that took."""
        return start(self.data, servers.form(self.first["client_id"], self.first["client_secret"]), self.program)

    def memory(self) -> Memory:
        """Return what its worker holds after the fixed load."""
        return after_fixed_load(self.serve(), self.first)


class Comparison(Struct, frozen=True):
    """What was measured on one engine, round by round.

    Attributes:
        costs: for each workload, what an answer costs.
        starts: from the start to the first token.
        memory: of a worker, after the fixed load.
    """

    costs: dict[str, list[Pair[Measured]]]
    starts: list[Pair[Start]]
    memory: list[Pair[Memory]]


def run(
    revision: str, rounds: int, seconds: float, tell: Callable[[str], None], *, stopped: bool = False
) -> dict[str, Comparison]:
    """Return what was measured of this checkout and of the revision, for each engine. `stopped`: below a line of such accounts."""
    found: dict[str, Comparison] = {}
    with engines() as (folder, made):
        programs = {"now": program_in(ROOT), "then": program_of(revision, folder / "then")}
        for name, engine in made.items():
            tell(f"{name}: installing")
            versions = [Version.install(program, folder / f"{name}-{of}", engine) for of, program in programs.items()]
            versions = [version.below_a_stopped_line() for version in versions] if stopped else versions
            found[name] = Comparison(
                _costs(versions, engine.pid, rounds, seconds, lambda what, name=name: tell(f"{name}, {what}")),
                [_in_turn(versions, number, Version.start) for number in _told(rounds, f"{name}, start", tell)],
                [
                    _in_turn(versions, number, Version.memory)
                    for number in _told(MEMORY_ROUNDS, f"{name}, memory", tell)
                ],
            )
    return found


def _costs(
    versions: Sequence[Version], database_pid: int | None, rounds: int, seconds: float, tell: Callable[[str], None]
) -> dict[str, list[Pair[Measured]]]:
    found: dict[str, list[Pair[Measured]]] = {workload: [] for workload in WORKLOADS}
    with ExitStack() as running:
        places = [Place.of(running.enter_context(version.serve()), version.first) for version in versions]
        for number in _told(rounds, "what an answer costs", tell):
            for workload, pairs in found.items():

                def cost(place: Place, workload: str = workload) -> Measured:
                    return place.measure(workload, seconds, database_pid)

                pairs.append(_in_turn(places, number, cost))
    return found


def _in_turn(both: Sequence[One], number: int, measure: Callable[[One], Other]) -> Pair[Other]:
    """Measure both; who comes first changes with the round, and so does whom a machine that becomes slower is against."""
    now, then = both
    if number % 2 == 0:
        return measure(now), measure(then)
    before = measure(then)
    return measure(now), before


def _told(rounds: int, what: str, tell: Callable[[str], None]) -> Iterator[int]:
    """Give the rounds, and tell of each."""
    for number in range(rounds):
        tell(f"{what}: round {number + 1} of {rounds}")
        yield number


def table(found: dict[str, Comparison], revision: str) -> Table:
    """Return everything, a line each."""
    shown = Table("engine", "what", "ratio", "quartiles", "smallest, largest", "medians")
    shown.title = f"This checkout, as multiples of {revision}"
    for engine, one in found.items():
        for workload, costs in one.costs.items():
            _line(shown, (engine, f"{workload}, processor time", "{:.0f} µs"), costs, lambda cost: cost.processor)
            if any(cost.database for pair in costs for cost in pair):
                _line(shown, (engine, f"{workload}, of Clientry alone", "{:.0f} µs"), costs, lambda cost: cost.own)
            _line(shown, (engine, f"{workload}, rate", "{:,.0f}/s"), costs, lambda cost: cost.rate)
        _line(shown, (engine, "start to first token", "{:.3f} s"), one.starts, lambda start: start.seconds)
        _line(shown, (engine, "the same, processor time", "{:.3f} s"), one.starts, lambda start: start.processor)
        _line(shown, (engine, "memory of a worker, RSS", "{:.1f} MB"), one.memory, lambda held: held.resident)
        _line(shown, (engine, "memory of a worker, PSS", "{:.1f} MB"), one.memory, lambda held: held.proportional)
    return shown


def _line(shown: Table, words: tuple[str, str, str], pairs: Sequence[Pair[One]], of: Callable[[One], float]) -> None:
    """Add a line: the ratios of the rounds, and what was found itself.

    Args:
        shown: where to.
        words: the engine, what was measured, and how a figure of it is written.
        pairs: what was measured.
        of: takes the figure out of it.
    """
    engine, what, form = words
    ratios = [of(now) / of(then) for now, then in pairs]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    figures = [form.format(median(map(of, which))) for which in zip(*pairs, strict=True)]
    spread = (f"{low:.3f} to {high:.3f}", f"{min(ratios):.3f} to {max(ratios):.3f}")
    shown.add_row(engine, what, f"{median(ratios):.3f}", *spread, ", before ".join(figures))


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.versions", description="Measure this checkout against another."
    )
    parser.add_argument("revision", help="a commit, a tag or a branch")
    parser.add_argument("--rounds", type=int, default=15, help="how many, at least 2")
    parser.add_argument("--seconds", type=float, default=2, help="of each workload in each round")
    parser.add_argument("--stopped", action="store_true", help="below eight accounts that were all stopped before")
    chosen = parser.parse_args()
    console = Console()
    console.width = max(console.width, WIDTH)
    try:
        require_wrk()
        with console.status("starting") as status:
            rounds = max(2, chosen.rounds)
            found = run(chosen.revision, rounds, chosen.seconds, status.update, stopped=chosen.stopped)
    except LoadError as problem:
        console.print(f"The run is void: {problem}", style="bold red")
        return 1
    console.print(table(found, chosen.revision))
    load = ", ".join(f"{number:,} of {workload}" for workload, number in FIXED_LOAD.items())
    console.print(f"Each ratio is the median of the rounds' own. Memory after a fixed load: {load}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
