"""One cluster, and two Clientry nodes that share it, for all tests of this folder."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.failover.cluster import Cluster
from tests.faults.conftest import copy_node
from tests.support.server import Server

PUBLIC = {"CLIENTRY_PUBLIC_URL": "http://127.0.0.1:1"}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if shutil.which("etcd") is None or not Path(sys.executable).with_name("patroni").exists():
        pytest.skip("etcd or Patroni is not installed: apt-get install etcd-server; make test-failover")
    made = Cluster()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def nodes(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    first = tmp_path_factory.mktemp("first") / "data"
    second = tmp_path_factory.mktemp("second") / "data"
    with Server(first, env=PUBLIC, database=cluster.url) as one:
        copy_node(first, second)
        with Server(second, env=PUBLIC) as other:
            yield one, other
