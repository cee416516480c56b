"""Clients that offer to upgrade, with their defaults, over plain HTTP: each gets its token.

Form and URL go to them by the environment, so that no secret stands in a process list.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.server import Server
from tests.support.wire import FORM, TOKEN_PATH

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server on plain HTTP, with nothing in front of it."""
    with Server(tmp_path_factory.mktemp("plain") / "data") as running:
        yield running


def run(server: Server, command: list[str | Path], folder: Path, stdin: str = "") -> list[str]:
    """Run a client, and return the lines that it prints."""
    name = str(command[0])
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed: apt-get install curl default-jdk-headless maven")
    env = {**os.environ, "URL": server.url, "FORM": urlencode(server.admin.form)}
    done = subprocess.run(
        command, env=env, cwd=folder, input=stdin, check=False, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_java_s_own_client_gets_tokens(server: Server, tmp_path: Path) -> None:
    """With its body's length known, on a used connection, in chunks, and without the offer: four tokens in HTTP/1.1."""
    assert run(server, ["java", HERE / "java" / "Token.java"], tmp_path) == ["200 HTTP_1_1 true"] * 4


def test_spring_s_rest_client_gets_tokens(server: Server, tmp_path: Path) -> None:
    """A RestClient, which builds on Java's client and sends chunks, gets two tokens."""
    libraries = tmp_path / "libraries"
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={libraries}"]
    run(server, ["mvn", "--quiet", "--batch-mode", "--file", HERE / "spring" / "pom.xml", *goal], tmp_path)
    command = ["java", "-cp", libraries.read_text(), HERE / "spring" / "SpringToken.java"]
    assert run(server, command, tmp_path) == ["200 true"] * 2


def test_curl_with_http2_gets_a_token(server: Server, tmp_path: Path) -> None:
    """`curl --http2` offers h2c, is answered in HTTP/1.1, and is not switched."""
    form = urlencode(server.admin.form)
    shown = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code} %{http_version}"]
    command = ["curl", "--http2", *shown, "--data", "@-", "--header", f"Content-Type: {FORM}", server.url + TOKEN_PATH]
    assert run(server, [*command], tmp_path, form) == ["200 1.1"]
