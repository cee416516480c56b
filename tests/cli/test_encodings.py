"""Texts that come from a Windows editor, and texts that go to a narrow or a gullible terminal."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.server import CLIENTRY

from clientry.cli.output import print_table

NAME = "K\u00f6ln \U0001f600"


def run(*arguments: str | Path, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTRY_")}
    command = [CLIENTRY, *map(str, arguments)]
    environment = {**clean, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, check=False, capture_output=True, env=environment, timeout=30)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give an initialised data directory with a client of an unusual name."""
    assert run("init", "--data", tmp_path / "data").returncode == 0
    assert run("clients", "create", "--name", NAME, "--data", tmp_path / "data").returncode == 0
    return tmp_path / "data"


def test_a_name_that_the_terminal_cannot_show_hides_no_list(data: Path) -> None:
    """What an encoding lacks is escaped in tables; JSON stays JSON with the very name, whatever the encoding."""
    for encoding in ("ascii", "latin-1", "cp1252", "utf-8"):
        listed = run("clients", "list", "--data", data, encoding=encoding)
        assert (listed.returncode, listed.stderr) == (0, b"")
        printed = run("clients", "list", "--data", data, "--json", encoding=encoding)
        assert NAME in {one["name"] for one in json.loads(printed.stdout.decode(encoding))["clients"]}


def test_a_key_that_a_windows_editor_saved_is_the_same_key(data: Path) -> None:
    """A byte order mark and a carriage return around a key are no part of it."""
    key = (data / "pepper").read_bytes().strip()
    (data / "pepper").write_bytes(b"\xef\xbb\xbf" + key + b"\r\n")
    assert run("clients", "list", "--data", data).returncode == 0


def test_nothing_in_a_table_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences, line feeds and marks that turn the direction of writing are shown, not obeyed."""
    print_table("Clients", ("name",), [("a\x1b[31mb",), ("c\nd",), ("e\u202ef",), (NAME,)])
    printed = capsys.readouterr().out
    for shown in ("a\\x1b[31mb", "c\\nd", "e\\u202ef", NAME):
        assert shown in printed
