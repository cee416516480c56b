"""A commit that no replica has, and that its primary shows all the same."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.failover.cluster import Cluster, first_writable
from tests.support.eventually import eventually
from tests.support.postgres import CANCEL_WAIT
from tests.support.registry import Registry
from tests.support.server import Server
from tests.support.wire import ask_token


@pytest.mark.timeout(400)
def test_f07_what_no_replica_has_is_not_acknowledged(cluster: Cluster, nodes: tuple[Server, Server]) -> None:
    """Neither the change whose wait was cancelled nor its repetition, which finds it made; with the primary it is lost."""
    cluster.wait_until_whole()
    registry = Registry(nodes[0].url, nodes[0].admin)
    client = registry.create()
    path = f"/v1/clients/{client.client_id}"
    leader = cluster.primary()
    leader.isolate()
    with ThreadPoolExecutor(1) as aside:
        first = aside.submit(registry.call, "PATCH", path, {"enabled": False})
        eventually(lambda: leader.sql(CANCEL_WAIT) == "t", 1)
        cancelled = first.result()
    assert ask_token(nodes[0].url, client.form).status == 401
    repeated = registry.call("PATCH", path, {"enabled": False})
    first_writable([member for member in cluster.members if member is not leader])
    leader.join()
    cluster.wait_until_whole()
    eventually(lambda: ask_token(nodes[0].url, client.form).status == 200, 10)
    for reply in (cancelled, repeated):
        assert reply.status == 504
        assert "made, or it was not" in reply.json["message"]
