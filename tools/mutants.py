"""Change the modules that differ from a revision, one small change at a time, and print the changes that no test noticed.

The changes are made by cosmic-ray, in a copy of the working tree; the tests that mirror a module are run on each. A survivor is
either equivalent, which a person must see, or asks for a test.
"""

import argparse
import ast
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = Path("server/src/clientry")
BIN = Path(sys.executable).parent
INSTEAD = {"registry": "tests/http/api", "tokens": "tests/http/oauth", ".": "tests/process"}
"""Where the tests of a folder are that has none of its own name; the shortest way to what a wing does."""

Span = tuple[tuple[int, int], tuple[int, int]]


def main() -> None:
    """Read the command line, and go through the modules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="these modules, instead of those that differ")
    parser.add_argument("--since", default="HEAD", help="the revision to compare with")
    parser.add_argument("--tests", default="", help="these tests, instead of those that mirror each module")
    parser.add_argument("--sample", type=int, default=0, help="so many changes of each module, drawn at random; 0: all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of what is drawn")
    asked = parser.parse_args()
    modules = [Path(name) for name in asked.modules] or changed_since(asked.since)
    print(f"{len(modules)} modules, seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="clientry-mutants-") as name:
        copy = copied(Path(name))
        for module in modules:
            tests = asked.tests or mirrors(module)
            report(module, copy, tests, asked.sample, random.Random(asked.seed))  # noqa: S311 - what is tried is no secret


def changed_since(revision: str) -> list[Path]:
    """Return the modules that differ from a revision, those that git does not know yet included."""
    differing = git("diff", "--name-only", "--diff-filter=d", revision, "--", SOURCE)
    new = git("ls-files", "--others", "--exclude-standard", "--", SOURCE)
    return sorted({Path(name) for name in (*differing, *new) if name.endswith(".py")})


def git(*arguments: str | Path) -> list[str]:
    """Return the lines that git prints."""
    command = ["git", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def copied(place: Path) -> Path:
    """Copy the working tree, without what git ignores; the virtual environment is the same."""
    for name in git("ls-files", "--cached", "--others", "--exclude-standard"):
        if os.path.lexists(ROOT / name):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name, follow_symlinks=False)
    (place / ".venv").symlink_to(BIN.parent)
    return place


def mirrors(module: Path) -> str:
    """Return the folder of the tests that mirror a module: of the same name, or of the folder above."""
    folder = module.parent.relative_to(SOURCE)
    while folder.parts:
        if (ROOT / "tests" / folder).is_dir():
            return f"tests/{folder}"
        if str(folder) in INSTEAD:
            break
        folder = folder.parent
    return INSTEAD[str(folder)]


def report(module: Path, copy: Path, tests: str, sample: int, draw: random.Random) -> None:
    """Try the changes of one module, and print those that survived."""
    command = [str(BIN / "python"), "-m", "pytest", "-q", "-x", "-p", "no:schemathesis", "-p", "no:xdist"]
    command += tests.split()
    environment = {**os.environ, "PYTHONPATH": str(copy / "server" / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    begun = time.monotonic()
    plain = subprocess.run(command, cwd=copy, env=environment, check=False, capture_output=True, text=True)
    if plain.returncode != 0:
        sys.exit(f"{plain.stdout[-2000:]}\n{module}: {tests} fails without any change.")
    took = time.monotonic() - begun
    configuration, session = copy / "mutants.toml", copy / "mutants.sqlite"
    session.unlink(missing_ok=True)
    configuration.write_text(
        f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = {took * 3 + 20}\nexcluded-modules = []\n'
        f'test-command = {json.dumps(" ".join(command))}\n[cosmic-ray.distributor]\nname = "local"\n'
    )
    places = [str(configuration), str(session)]
    subprocess.run([BIN / "cosmic-ray", "init", *places], cwd=copy, env=environment, check=True, capture_output=True)
    count = thin_out(session, annotations(copy / module), sample, draw)
    print(f"\n{module}: {count} changes, each against {tests} ({took:.0f} s)", flush=True)
    subprocess.run([BIN / "cosmic-ray", "exec", *places], cwd=copy, env=environment, check=True, capture_output=True)
    survivors = list(survived(session))
    for line, diff in survivors:
        print(f"{module}:{line}\n{diff}")
    print(f"{module}: {count - len(survivors)} of {count} changes were noticed.", flush=True)


def annotations(path: Path) -> list[Span]:
    """Return where annotations stand: a change of one changes nothing."""
    spans: list[Span] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        one = getattr(node, "returns", None) or getattr(node, "annotation", None)
        if isinstance(one, ast.expr):
            spans.append(((one.lineno, one.col_offset), (one.end_lineno or 0, one.end_col_offset or 0)))
    return spans


def thin_out(session: Path, left_out: list[Span], sample: int, draw: random.Random) -> int:
    """Keep one change of each kind at each place, or a sample of them, and return how many there are."""
    with sqlite3.connect(session) as database:
        found: list[Any] = database.execute(
            "SELECT job_id, operator_name, start_pos_row, start_pos_col FROM mutation_specs ORDER BY rowid"
        ).fetchall()
        draw.shuffle(found)
        by_place = {
            (name.partition("_")[0], row, column): job
            for job, name, row, column in found
            if not any(begin <= (row, column) < end for begin, end in left_out)
        }
        kept = sorted(by_place.values())
        kept = draw.sample(kept, min(sample or len(kept), len(kept)))
        for job, *_ in found:
            if job not in kept:
                database.execute("DELETE FROM mutation_specs WHERE job_id = ?", (job,))
                database.execute("DELETE FROM work_items WHERE job_id = ?", (job,))
    return len(kept)


def survived(session: Path) -> Iterator[tuple[int, str]]:
    """Yield line and difference of the changes that no test noticed."""
    with sqlite3.connect(session) as database:
        for line, diff in database.execute(
            "SELECT start_pos_row, diff FROM mutation_specs JOIN work_results USING (job_id) "
            "WHERE test_outcome = 'SURVIVED' ORDER BY start_pos_row"
        ):
            body = [text for text in diff.splitlines() if text[:1] in "+-" and text[:3] not in ("+++", "---")]
            yield line, "\n".join(body)


if __name__ == "__main__":
    main()
