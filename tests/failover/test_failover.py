"""The leader of a Patroni cluster fails, under load from two nodes: nothing acknowledged is lost, no answer is wrong."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from rich.table import Table
from tests.failover.cluster import ASYNCHRONOUS, SYNCHRONOUS, Cluster, Member, first_writable
from tests.failover.load import Load, Outcome
from tests.support.server import Server

QUIET = 4.0
"""Seconds of load before and after."""
WITHIN = 2.4
"""Seconds in which everything is answered: two, and what a busy machine adds."""

SCENARIOS: dict[str, tuple[Callable[[Member], None], Callable[[Member], None]]] = {
    "killed": (lambda leader: leader.kill(), lambda leader: leader.start()),
    "frozen": (lambda leader: leader.freeze(), lambda leader: leader.thaw()),
    "cut off": (lambda leader: leader.cut_off(), lambda leader: leader.join()),
    "cut off, but not from Clientry": (lambda leader: leader.isolate(), lambda leader: leader.join()),
    "switched over": (lambda leader: leader.switch_over(), lambda leader: None),
}
OUTCOMES: dict[str, Outcome] = {}


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[None]:
    """Print the table, and write it as JSON where CLIENTRY_FAILOVER_JSON says."""
    yield
    columns = ("without writes", "without tokens", "primary to tokens", "slowest answer")
    table = Table("leader", "acknowledged", "lost", *(f"{column}, s" for column in columns), "wrong")
    for name, one in OUTCOMES.items():
        times = (one.without_writes, one.without_tokens, one.tokens_after_primary, one.slowest)
        counts = (str(one.acknowledged), str(one.lost))
        table.add_row(name, *counts, *(f"{seconds:.1f}" for seconds in times), str(len(one.wrong)))
    Console(width=132).print(table)
    if place := os.environ.get("CLIENTRY_FAILOVER_JSON"):
        Path(place).write_text(json.dumps(msgspec.to_builtins(OUTCOMES), indent=2))


def fail_over(cluster: Cluster, nodes: tuple[Server, Server], scenario: str, *, synchronous: bool = True) -> Outcome:
    """Let the leader fail under load, heal it, and return what happened."""
    cluster.wait_until_whole(synchronous=synchronous)
    fail, heal = SCENARIOS[scenario]
    leader = cluster.primary()
    others = [member for member in cluster.members if member is not leader]
    load = Load(nodes)
    time.sleep(QUIET)
    with ThreadPoolExecutor(1) as aside:  # a switchover is asked for, and answered when it is over
        failing = aside.submit(fail, leader)
        primary_at = first_writable(others)
        failing.result()
    time.sleep(QUIET)
    heal(leader)
    cluster.wait_until_whole(synchronous=synchronous)
    time.sleep(QUIET)
    return load.end(primary_at)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_f07_a_failover_loses_nothing(cluster: Cluster, nodes: tuple[Server, Server], scenario: str) -> None:
    """0 acknowledged changes lost, 0 wrong answers, tokens back within 2 seconds of a writable primary."""
    outcome = OUTCOMES[scenario] = fail_over(cluster, nodes, scenario)
    assert outcome.lost == 0
    assert outcome.wrong == []
    assert outcome.tokens_after_primary < 2
    assert outcome.slowest < WITHIN
    assert outcome.acknowledged > 100
    for node in nodes:
        verify = [str(Path(sys.executable).with_name("clientry")), "audit", "verify", "--data", str(node.data)]
        assert subprocess.run(verify, check=False, capture_output=True).returncode == 0


@pytest.mark.timeout(400)
def test_f07_without_synchronous_mode_changes_are_lost(cluster: Cluster, nodes: tuple[Server, Server]) -> None:
    """The same checker finds acknowledged changes lost when commits wait for no replica: it would see a loss."""
    scenario = "cut off, but not from Clientry"
    cluster.configure(ASYNCHRONOUS)
    outcome = OUTCOMES[f"{scenario}; asynchronous"] = fail_over(cluster, nodes, scenario, synchronous=False)
    cluster.configure(SYNCHRONOUS)
    assert outcome.lost > 0
