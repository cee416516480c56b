"""The leader of a Patroni cluster fails, under load from two nodes: nothing acknowledged is lost, no answer is wrong."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from rich.table import Table
from tests.failover.cluster import Cluster, Member, eventually
from tests.failover.load import Load, Outcome
from tests.faults.conftest import copy_node
from tests.support.server import Server

PUBLIC = {"CLIENTRY_PUBLIC_URL": "http://127.0.0.1:1"}
QUIET = 4.0
"""Seconds of load before and after."""

SCENARIOS: dict[str, tuple[Callable[[Member], None], Callable[[Member], None]]] = {
    "killed": (lambda leader: leader.kill(), lambda leader: leader.start()),
    "frozen": (lambda leader: leader.freeze(), lambda leader: leader.thaw()),
    "cut off": (lambda leader: leader.cut_off(), lambda leader: leader.join()),
    "switched over": (lambda leader: leader.switch_over(), lambda leader: None),
}
OUTCOMES: dict[str, Outcome] = {}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if shutil.which("etcd") is None or not Path(sys.executable).with_name("patroni").exists():
        pytest.skip("etcd or Patroni is not installed: apt-get install etcd-server; make test-failover")
    made = Cluster()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def nodes(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    first = tmp_path_factory.mktemp("first") / "data"
    second = tmp_path_factory.mktemp("second") / "data"
    with Server(first, env=PUBLIC, database=cluster.url) as one:
        copy_node(first, second)
        with Server(second, env=PUBLIC) as other:
            yield one, other


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[None]:
    """Print the table, and write it as JSON where CLIENTRY_FAILOVER_JSON says."""
    yield
    table = Table(
        "leader", "acknowledged", "lost", "s without writes", "s without tokens", "s primary to token", "wrong"
    )
    for name, one in OUTCOMES.items():
        times = (one.without_writes, one.without_tokens, one.tokens_after_primary)
        table.add_row(
            name, str(one.acknowledged), str(one.lost), *(f"{seconds:.1f}" for seconds in times), str(len(one.wrong))
        )
    Console().print(table)
    if place := os.environ.get("CLIENTRY_FAILOVER_JSON"):
        Path(place).write_text(json.dumps(msgspec.to_builtins(OUTCOMES), indent=2))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_f07_a_failover_loses_nothing(cluster: Cluster, nodes: tuple[Server, Server], scenario: str) -> None:
    """0 acknowledged changes lost, 0 wrong answers, tokens back within 2 seconds of a writable primary."""
    cluster.wait_until_whole()
    fail, heal = SCENARIOS[scenario]
    leader = cluster.primary()
    others = [member for member in cluster.members if member is not leader]
    load = Load(nodes)
    time.sleep(QUIET)
    fail(leader)
    eventually(lambda: any(member.is_primary() for member in others), 90)
    primary_at = time.monotonic()
    time.sleep(QUIET)
    heal(leader)
    cluster.wait_until_whole()
    time.sleep(QUIET)
    outcome = OUTCOMES[scenario] = load.end(primary_at)
    assert outcome.lost == 0
    assert outcome.wrong == []
    assert outcome.tokens_after_primary < 2
    assert outcome.acknowledged > 100
    for node in nodes:
        verify = [str(Path(sys.executable).with_name("clientry")), "audit", "verify", "--data", str(node.data)]
        assert subprocess.run(verify, check=False, capture_output=True).returncode == 0
