"""Bring the pinned uv into a directory with nothing but python3.

Rule 1: standard library only. Rule 2: what is installed is checked against the hashes in requirements/uv.txt,
whichever way it came. pip is taken from this Python, else from a throw-away venv, else from its authors' zipapp:
Debian's python3 comes without pip and without ensurepip.
"""

import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PIP_ZIPAPP = "https://bootstrap.pypa.io/pip/pip.pyz"


def pips(scratch: Path) -> Iterator[list[str]]:
    """Yield commands that may be a working pip, the cheapest first."""
    yield [sys.executable, "-m", "pip"]
    subprocess.run([sys.executable, "-m", "venv", scratch / "venv"], check=False, capture_output=True)
    yield [str(scratch / "venv" / "bin" / "python"), "-m", "pip"]
    zipapp = scratch / "pip.pyz"
    try:
        with urllib.request.urlopen(PIP_ZIPAPP, timeout=60) as answer:
            zipapp.write_bytes(answer.read())
    except (urllib.error.URLError, TimeoutError) as problem:
        print(f"could not fetch pip from {PIP_ZIPAPP}: {problem}", file=sys.stderr)
    yield [sys.executable, str(zipapp)]


def works(pip: list[str]) -> bool:
    """Tell whether `pip --version` runs."""
    try:
        return subprocess.run([*pip, "--version"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def main(target: Path, requirements: Path) -> int:
    """Install uv below `target` (its program is `target/bin/uv`) and return an exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        pip = next((candidate for candidate in pips(Path(scratch)) if works(candidate)), None)
        if pip is None:
            print("This Python has no pip and none could be fetched. Install python3-pip, or uv, and try again.")
            return 1
        arguments = [
            "--quiet",
            "--disable-pip-version-check",
            "--root-user-action=ignore",
            "--require-hashes",
            "--upgrade",
            "--target",
            target,
        ]
        return subprocess.run([*pip, "install", *arguments, "-r", requirements], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
