"""One real server for each worker of the tests, and more on demand."""

import os
import socket
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry
from tests.support.server import Server
from tests.support.signing import newest_signing_key

from clientry.records.signing_key import SigningKey


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything can be installed, a test that is left out is a failure: CLIENTRY_TEST_NO_SKIPS says so."""
    report = yield
    if report.skipped and os.environ.get("CLIENTRY_TEST_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


StartServer = Callable[..., Server]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Share one PostgreSQL: each test makes a database of its own in it."""
    running = Postgres()
    yield running
    running.remove()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Share one server on each engine: count nothing on it that you have not made in an account of your own."""
    database = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else None
    with Server(tmp_path_factory.mktemp("shared") / "data", database=database) as running:
        yield running


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Start further servers: the arguments are those of `Server`; they end with the test at the latest."""
    started: list[Server] = []

    def start(data: Path | None = None, **options: Any) -> Server:
        started.append(Server(data or tmp_path_factory.mktemp("own") / "data", **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def registry(server: Server) -> Registry:
    """Give the shared server's registry, as its first admin client."""
    return Registry(server.url, server.admin)


@pytest.fixture(scope="session")
def client(registry: Registry) -> Credentials:
    """Give a standard client with every product, which no test may change."""
    return registry.create()


@pytest.fixture(scope="session")
def server_key(server: Server) -> SigningKey:
    """Give the shared server's signing key."""
    return newest_signing_key(server.data)


@pytest.fixture
def free_port() -> int:
    """Give a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Give a self-signed certificate for 127.0.0.1 and its key."""
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    try:
        subprocess.run([*make, "-keyout", key, "-out", cert, *subject], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return cert, key
