"""Clientry as it was: the sources of an earlier revision, from the history of this repository."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

Program = tuple[str, ...]

FORMS = "server/src/clientry/storage/forms.py"
"""The file without which a program knows no forms that have to be finished: those without it are the version before this one."""

ROOT = Path(__file__).parents[2]


def program_of(revision: str, folder: Path) -> Program:
    """Lay the sources of a revision into a folder, and return the command that runs them with the libraries of today."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", revision, "server", "contract"))) as packed:
        packed.extractall(folder, filter="data")
    return program_in(folder)


def program_in(folder: Path) -> Program:
    """Return the command that runs the sources that lie in a folder, with the libraries of today."""
    return ("env", f"PYTHONPATH={folder / 'server' / 'src'}", sys.executable, "-m", "clientry")


def revision_before(path: str) -> str | None:
    """Return the last revision that did not have a file, None where the history is not here."""
    added = _git("log", "--diff-filter=A", "--format=%H", "--", path).split()
    return f"{added[-1].decode()}^" if added else None


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout
