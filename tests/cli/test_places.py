"""Every command of the table, where its files cannot be used: one clear line, and nothing else."""

import inspect
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from cyclopts import App, Parameter
from tests.support.server import CLIENTRY

from clientry.cli import app

AS_NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--")


def commands(of: App, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with the function that it runs."""
    for name in of:
        if not name.startswith("-"):
            inner = of[name]
            if inner.default_command is not None and not inner.default_command.__name__.startswith("_"):
                yield (*path, name), inner.default_command
            yield from commands(inner, *path, name)


COMMANDS = list(commands(app))


def needed(command: Any) -> list[str]:
    """Return arguments for what a command cannot do without, and a name, so that an update has something to change."""
    arguments: list[str] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.default is not inspect.Parameter.empty and parameter.name != "name":
            continue
        number, url = parameter.annotation in (int, list[int]), parameter.name in ("source", "target")
        value = "1" if number else "sqlite:x" if url else "x@b.example"
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named = [
                next(iter(one.name))
                for one in get_args(parameter.annotation)
                if isinstance(one, Parameter) and one.name
            ]
            arguments.append(named[0] if named else "--" + parameter.name.replace("_", "-"))
        arguments.append(value)
    return arguments


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTRY_")}
    return subprocess.run(
        arguments, check=False, capture_output=True, text=True, timeout=30, cwd="/", env={**clean, "HOME": "/"}
    )


@pytest.fixture(scope="module")
def unprivileged() -> tuple[str, ...]:
    """Give what has a command run as somebody who may not do everything."""
    if os.geteuid():
        return ()
    try:
        probe = run(*AS_NOBODY, CLIENTRY, "--version")
    except FileNotFoundError:
        pytest.skip("root needs setpriv(1) to become somebody else")
    if probe.returncode:
        pytest.skip("nobody but root can run this interpreter")
    return AS_NOBODY


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give an initialised data directory that the one who runs the commands may not enter."""
    data = tmp_path_factory.mktemp("closed") / "data"
    assert run(CLIENTRY, "init", "--data", str(data)).returncode == 0
    data.chmod(0)
    yield data
    data.chmod(0o700)


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[" ".join(name) for name, _ in COMMANDS])
def test_a_data_directory_that_may_not_be_read_is_one_line(
    unprivileged: tuple[str, ...], closed: Path, name: tuple[str, ...], command: Any
) -> None:
    """Whatever the command: exit code 1, nothing on stdout, and one line that names the place."""
    if "data" in inspect.signature(command).parameters:
        arguments = [*needed(command), "--data", str(closed)]
    else:  # it takes databases by their URLs
        arguments = [argument.replace("sqlite:x", f"sqlite:{closed}/clientry.db") for argument in needed(command)]
    done = run(*unprivileged, CLIENTRY, *name, *arguments)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("clientry: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(closed) in done.stderr or str(closed.parent) in done.stderr
