"""Schemathesis, which we did not write, against a real server: the published document with its departures, and our own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.outside.departures import ADDED_METHODS, with_departures
from tests.support.server import Server

CONTRACT = Path(__file__).parents[2] / "contract"
PUBLISHED = CONTRACT / "clients.openapi.json"
OURS = CONTRACT / "clientry.openapi.json"
SEED = "20260101"

NOT_TESTED = [part for method in ADDED_METHODS for part in ("--exclude-method", method.upper())]
"""Of the published document: the operations that it only promises."""

CONFIGURATION = """
[checks.positive_data_acceptance]
# 304 accepts the request, and 412 is of D7: no schema can say which ETag is still the current one.
expected-statuses = ["2xx", 304, 401, 403, 404, 409, 412]
"""


def as_generated(document: dict[str, Any]) -> dict[str, Any]:
    """Drop what only this server's state makes right or wrong, and no schema can say; each has tests of its own.

    Cursors are given out by the server; which products there are is configured, and only a standard client's can be set.
    """
    for path in document["paths"].values():
        for operation in path.values():
            operation["parameters"] = [each for each in operation.get("parameters", ()) if each["name"] != "cursor"]
    del document["components"]["schemas"]["UpdateClient"]["properties"]["scopes"]
    return document


def with_keys(document: dict[str, Any]) -> dict[str, Any]:
    """Name two keys of labels that stand for all: OpenAPI 3.0 cannot say what a key must be."""
    labels = document["components"]["schemas"]["CreateClient"]["properties"]["labels"]
    labels["properties"] = dict.fromkeys(("env", "team/owner"), labels["additionalProperties"])
    labels["additionalProperties"] = False
    return document


def run(server: Server, document: dict[str, Any], place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis as the first admin client, whose token is in a file and not on the command line."""
    (place / "document.json").write_text(json.dumps(document))
    token = server.token(*server.admin)
    (place / "schemathesis.toml").write_text(CONFIGURATION + f'[headers]\nAuthorization = "Bearer {token}"\n')
    program = str(Path(sys.executable).with_name("st"))
    command = [program, "run", "document.json", "--url", server.url, "--seed", SEED, "--max-examples", "25", *arguments]
    return subprocess.run(command, cwd=place, check=False, capture_output=True, text=True, timeout=110)


@pytest.fixture
def own(start_server: Callable[..., Server]) -> Server:
    """Give a server that nobody else uses: what is found there is locked, disabled and deleted."""
    return start_server()


def test_the_published_document_with_its_departures(own: Server, tmp_path: Path) -> None:
    """Every check passes on every operation of the published document, edited by its departures and by nothing else."""
    done = run(own, with_keys(with_departures(json.loads(PUBLISHED.read_text()))), tmp_path, *NOT_TESTED)
    assert done.returncode == 0, done.stdout
    assert "3 selected" in done.stdout


def test_schemathesis_finds_the_departures(own: Server, tmp_path: Path) -> None:
    """The same run on the document as it was published fails: it sees what it is meant to see."""
    done = run(own, json.loads(PUBLISHED.read_text()), tmp_path, "--phases", "coverage")
    assert done.returncode == 1, done.stdout


@pytest.mark.timeout(120)
def test_our_own_document(own: Server, tmp_path: Path) -> None:
    """Every check passes on every operation of our own document."""
    done = run(own, as_generated(json.loads(OURS.read_text())), tmp_path)
    assert done.returncode == 0, done.stdout
