"""What a million clients cost, against a thousand, on both engines: `.venv/bin/python -m bench.scale [--clients N] [--write-docs]`.

Shapes: all clients in one account, and spread over child accounts, a tenth as many, of one account whose admin lists them all.
"""

import argparse
import statistics
import sys
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench import servers
from bench.databases import engines
from bench.load import require_wrk
from bench.populations import SAMPLE, TIMES, Population, Reader, in_turns, populate

DOCS = Path(__file__).parents[1] / "docs" / "explanation"
SMALL = 1_000
PAGE = 100
PLACES = 10
WARMING = 3
"""Rounds that are not counted: what nobody asked for yet is read from the disk."""


class Figures(Struct):
    """What was measured of a population.

    Attributes:
        token: processor microseconds of a token request, round by round.
        get: of GET /v1/clients/{id}, round by round.
        first_page: milliseconds of the first page.
        other_pages: each a place of the list, as a multiple of the first page.
        counts: each a filter, as a multiple of the same for few clients.
        text_filter: milliseconds.
        all_seconds: how long a page of everything took.
        all_growth: by how many MB the worker grew meanwhile.
    """

    token: list[float]
    get: list[float]
    first_page: float = 0
    other_pages: tuple[float, ...] = ()
    counts: tuple[float, ...] = ()
    text_filter: float = 0
    all_seconds: float = 0
    all_growth: float = 0


def measure(populations: list[Population], rounds: int, seconds: float, tell: Callable[[str], None]) -> list[Figures]:
    """Measure every population, the first of which is small; the loads in interleaved rounds, there and back."""
    found = [Figures([], []) for _ in populations]
    both = list(zip(populations, found, strict=True))
    for number in range(-WARMING, rounds):
        for population, figures in both if number % 2 else both[::-1]:
            tell(f"round {number + 1} of {rounds}: {population.name}")
            token, get = (population.measure(kind, seconds).processor for kind in ("token", "get"))
            if number >= 0:
                figures.token.append(token)
                figures.get.append(get)
    for population, figures in zip(populations[1:], found[1:], strict=True):
        tell(f"lists: {population.name}")
        _lists(Reader(populations[0]), population, figures)
    return found


def _lists(few: Reader, population: Population, figures: Figures) -> None:
    reader = Reader(population)
    first = f"/v1/clients?page_size={PAGE}&page_number=1&status=any"
    pages = population.clients // PAGE
    starts = [max(1, pages * place // PLACES) for place in range(1, PLACES)]
    figures.other_pages = tuple(_against_first(reader, first, start) for start in starts)
    figures.first_page = statistics.median(islice(reader.again(first), TIMES))
    if reader.meta(first)["count"] != population.clients + 1:
        raise RuntimeError("meta.count is not the number of clients")
    base = "/v1/clients?page_size=1&page_number=1"
    filters = [base, f"{base}&client_type=standard", f"{base}&status=disabled"]
    figures.counts = tuple(in_turns(reader.again(url), few.again(url)) for url in filters)
    figures.text_filter = next(reader.again(f"{base}&name=Seed+{population.clients // 2}"))
    before = population.server.resident_megabytes()
    figures.all_seconds, figures.all_growth = reader.everything(
        f"/v1/clients?page_size={population.clients + 1}&page_number=1"
    )
    figures.all_growth -= before


def _against_first(reader: Reader, first: str, start: int) -> float:
    """Follow the next pages from one on, in turns with the first page; return how many times as long they take."""
    from_there = first.replace("page_number=1", f"page_number={start}")
    deque(islice(reader.walk(from_there), TIMES), 0)  # the first page is no first visit either
    return in_turns(reader.walk(from_there), reader.again(first))


def _row(name: str, small: Figures, large: Figures) -> tuple[str, ...]:
    def cost(kind: str) -> str:
        pairs = zip(getattr(small, kind), getattr(large, kind), strict=True)
        return f"{statistics.median(many / few for few, many in pairs):.2f}"

    return (
        name,
        cost("token"),
        cost("get"),
        f"{max(large.other_pages):.2f}",
        f"{large.first_page:.1f} ms",
        f"{max(large.counts):.2f}",
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
    with engines() as (folder, made):
        for engine, databases in made.items():
            with ExitStack() as serving:
                populations: list[Population] = []
                for name, size, accounts in [("small", SMALL, 0), *((n, clients, a) for n, a in shapes.items())]:
                    tell(f"{engine}: {size:,} clients, {name}")
                    place = folder / f"{engine}, {name}"
                    planted = populate(folder, place.name, databases, f"--clients={size}", f"--accounts={accounts}")
                    server = serving.enter_context(servers.clientry(place))
                    populations.append(Population.of(place, server, databases, planted, size))
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

*token* and *get*: processor time per answer, the database's included; {SAMPLE:,} of the clients in turn, chosen at random.
*worst page / first*: the slowest of {PLACES - 1} places along the walk over `next_page_url`, {TIMES} pages of {PAGE} each, read in
turns with the first page, neither for the first time. *count*: the worst of no filter, `client_type` and `status`.
*text filter*: a `name` that is looked for in all of them: the one request whose cost grows with the list. *all in one page*: a
page as large as the list, and by how much the worker's memory grew while it was sent.
"""


def main() -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description="Measure many clients against few.")
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1)
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
