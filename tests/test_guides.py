"""The guides and the tutorial: every shell block as it is pasted, in its order, against a real server; and the example verifier."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.conftest import StartServer
from tests.support.postgres import Postgres
from tests.support.registry import access_token
from tests.support.server import CLIENTRY, Server

ROOT = Path(__file__).parents[1]
PREPARATION = ROOT / "docs" / "how-to" / "prepare-your-shell.md"
TUTORIAL = ROOT / "docs" / "tutorial" / "first-client.md"

TOOLS = r"""
set -euo pipefail
curl() { command curl -sS --fail-with-body "$@"; }
clientry() {  # a guide that starts a server is answered by one on a free port with data of its own, which ends when it serves
  if [ "$1" != serve ]; then command clientry "$@"; return; fi
  served=$((${served:-0} + 1))
  CLIENTRY_DATA=served-$served CLIENTRY_PORT=0 command clientry "$@" > served-$served.log 2>&1 &
  for _ in $(seq 600); do grep -q serving served-$served.log && break; kill -0 $!; sleep 0.1; done
  grep serving served-$served.log
  kill $!
  wait $!
}
oldest_secret() { command clientry clients secrets "$1" | head -n 1 | cut -f 1; }
"""
ELSEWHERE = {
    "/backup/": "./",
    "clientry-2026-11-23.db --data ./clientry-data": "clientry-$(date +%F).db --data ./restored",
    "sqlite:clientry-data/": "sqlite:restored/",
    "--port 8443": "",
    "/etc/clientry/": "./",
    "/var/log/clientry/": "./",
    "https://auth.example.com": "https://auth.test",
    "ada@example.com": "ada@guides.test",
    "?sslmode=verify-full": "",
    "OLD_SECRET_ID=secret_…": "OLD_SECRET_ID=$(oldest_secret $CLIENT_ID)",
}
"""What a guide takes for granted, and what is there in a test."""


def blocks(guide: Path, language: str = "sh") -> list[str]:
    """Return the code blocks of a guide."""
    return re.findall(rf"^```{language}\n(.*?)^```", guide.read_text("utf-8"), re.DOTALL | re.MULTILINE)


PREPARED = blocks(PREPARATION)
GUIDES = {guide.stem: blocks(guide) for guide in sorted(PREPARATION.parent.glob("*.md")) if blocks(guide)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Server]]:
    """Give a directory as `make run` leaves it, with a server on the data directory in it."""
    directory = tmp_path_factory.mktemp("guides")
    (directory / ".venv").symlink_to(ROOT / ".venv")
    certificate = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-keyout", "tls.key", "-out", "tls.crt", "-subj", "/CN=auth.test", "-days", "2"]
    subprocess.run([*certificate, *names], check=True, cwd=directory, capture_output=True)
    with Server(directory / "clientry-data") as server:
        yield directory, server


def pasted(text: str, directory: Path, server: Server, more: dict[str, str]) -> str:
    """Return what a guide's commands print, each block after its number; fail where one of them fails."""
    there = {"http://127.0.0.1:8080": server.url, **ELSEWHERE, **more}
    for taken, given in there.items():
        text = text.replace(taken, given)
    assert re.findall(r"\S*(?:…|\bexample\.com)\S*", text) == []
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTRY_")}
    command = ["bash", "-c", TOOLS + text]
    with (directory / "shown").open("w+") as shown:
        shell = subprocess.Popen(command, cwd=directory, env=clean, stdout=shown, stderr=shown, start_new_session=True)
        try:
            code = shell.wait(110)
        finally:
            with contextlib.suppress(ProcessLookupError):  # what a guide started ends with it, whatever happened
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        shown.seek(0)
        said = shown.read()
    assert code == 0, said
    return said


@pytest.mark.parametrize("guide", GUIDES)
def test_every_block_of_a_guide_can_be_pasted(guide: str, place: tuple[Path, Server], postgres: Postgres) -> None:
    """After what `prepare-your-shell.md` says each guide defines what it uses, and each of its commands succeeds."""
    directory, server = place
    commands = PREPARED if GUIDES[guide] == PREPARED else PREPARED + GUIDES[guide]
    made = subprocess.run(
        [CLIENTRY, "clients", "create", "--name", guide, "--product", "SuperSIM", "--json"],
        cwd=directory, check=True, capture_output=True, text=True,
    )  # fmt: skip
    ids = dict(re.findall(r'"(client_id|account_id)": "(\w+)"', made.stdout))
    more = {"apiclient_…": ids["client_id"], "acct_…": ids["account_id"]}
    if any("postgresql://" in block for block in commands):
        more["postgresql://clientry@db.example.com/clientry"] = postgres.new_database()
    script = "\n".join(f"echo '== {number}'\n{block}" for number, block in enumerate(commands))
    assert pasted(script, directory, server, more)


def test_the_tutorial_can_be_pasted(place: tuple[Path, Server]) -> None:
    """Every command after `make run` succeeds, and the last one names the client and what it may use."""
    directory, server = place
    bin_directory = directory.parent / "checker" / "bin"
    bin_directory.mkdir(parents=True)
    python = bin_directory / "python"
    python.write_text(f'#!/bin/sh\nexec {ROOT}/.venv/bin/python "$@"\n')
    python.chmod(0o755)
    first, *commands = blocks(TUTORIAL)
    assert first == "make run\n"
    installed = {"python3 -m venv ../checker\n": "", '../checker/bin/pip install --quiet "pyjwt[crypto]"\n': ""}
    shown = pasted("\n".join(commands), directory, server, installed)
    assert "shown this once" in shown
    assert re.search(r"apiclient_\w+ may use: SuperSIM\n$", shown)


def test_the_example_verifier_tells_a_bad_token_from_keys_that_cannot_be_had(start_server: StartServer) -> None:
    """A good token passes, a forged or foreign one is invalid, another product is no permission, and an outage is neither."""
    server = start_server()
    (code,) = blocks(ROOT / "docs" / "how-to" / "check-tokens-in-your-api.md", "python")
    verifier: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:8080", server.url), verifier)  # noqa: S102 - our own page
    good, other = (access_token(server.url, server.admin, scope) for scope in ("SuperSIM", "ProgrammableWireless"))
    assert verifier["check"](good)["client_id"] == server.admin.client_id
    forged = jwt.encode({"iss": server.url}, ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "unknown"})
    for bad in (good[:-8] + "AAAAAAAA", forged, "no token"):
        with pytest.raises(jwt.InvalidTokenError):
            verifier["check"](bad)
    with pytest.raises((PermissionError, jwt.InvalidAudienceError)):
        verifier["check"](other)
    fresh: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:8080", server.url), fresh)  # noqa: S102 - our own page
    server.stop()
    with pytest.raises(fresh["KeysUnreachable"]):
        fresh["check"](good)
