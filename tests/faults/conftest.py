"""Fixtures of the fault tests, and how long they take: CLIENTRY_FAULTS=short in continuous integration, else full."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.support.server import Server

TwoNodes = Callable[..., tuple[Server, Server]]


@pytest.fixture(scope="session")
def full() -> bool:
    """Tell whether there is time for everything."""
    return os.environ.get("CLIENTRY_FAULTS", "full") == "full"


@pytest.fixture
def two_nodes(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> TwoNodes:
    """Start two nodes of one PostgreSQL database, each with a directory of its own that holds only its keys and settings."""

    def start(database: str, env: dict[str, str] | None = None) -> tuple[Server, Server]:
        first = start_server(database=database, env=env)
        data = tmp_path_factory.mktemp("node") / "data"
        copy_node(first.data, data)
        return first, start_server(data, env=env)

    return start


def copy_node(data: Path, to: Path) -> None:
    """Give another node what it must share: the keys, and where the database is."""
    to.mkdir(mode=0o700)
    for name in ("pepper", "key-encryption-key", "clientry.toml"):
        shutil.copy(data / name, to / name)
    shutil.copy(data.with_suffix(".json"), to.with_suffix(".json"))
