"""`make bench`, or `.venv/bin/python -m bench [--quick] [--json FILE] [--write-docs]`."""

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.load import LoadError, require_wrk
from bench.report import page, picture, rows, verdicts
from bench.workloads import measure

DOCS = Path(__file__).parents[1] / "docs" / "explanation"


def main() -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure this machine.")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--write-docs", action="store_true", help="renew docs/explanation/performance.*")
    chosen = parser.parse_args()
    console = Console()
    try:
        require_wrk()
        with tempfile.TemporaryDirectory() as folder, console.status("starting") as status:
            outcome = measure(
                Path(folder) / "data",
                seconds=1 if chosen.quick else 4,
                rounds=1 if chosen.quick else 5,
                tokens=10_000 if chosen.quick else 100_000,
                tell=status.update,
            )
    except LoadError as problem:
        console.print(f"The run is void: {problem}", style="bold red")
        return 1
    table = Table("workload", "per second", "of the ceiling", "99% below")
    for row in rows(outcome):
        table.add_row(*row)
    console.print(table)
    if outcome.peer_missing:
        console.print(f"No peer: {outcome.peer_missing}.")
    for what, found, good in verdicts(outcome):
        console.print(f"{'yes' if good else 'NO '}  {what}: {found}", style=None if good else "bold red")
    if chosen.json:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=2))
    if chosen.write_docs:
        DOCS.joinpath("performance.md").write_text(page(outcome, ".venv/bin/python -m bench --write-docs"))
        DOCS.joinpath("performance.svg").write_text(picture(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
