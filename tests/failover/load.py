"""What two nodes are asked while their database fails over, and what is told of it."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from itertools import pairwise

from msgspec import Struct
from tests.support.registry import Credentials, Registry
from tests.support.server import Server
from tests.support.wire import send, token_request

PAUSE = 0.02
"""Seconds between two requests of one asker."""


class Outcome(Struct):
    """What happened in a scenario; times in seconds.

    Attributes:
        acknowledged: changes that were acknowledged.
        lost: those of them that were not there afterwards.
        without_writes: the longest time between two acknowledged changes.
        without_tokens: the longest time between two tokens.
        tokens_after_primary: from the moment that there was a writable primary again until each node gave a token.
        wrong: answers that were wrong, whatever the database did.
    """

    acknowledged: int
    lost: int
    without_writes: float
    without_tokens: float
    tokens_after_primary: float
    wrong: list[str]


class Load:
    """Asks both nodes, from several threads, until it ends."""

    def __init__(self, nodes: tuple[Server, Server]) -> None:
        self._nodes = nodes
        self._registries = [Registry(node.url, node.admin) for node in nodes]
        self._stop = threading.Event()
        self._good: dict[str, Credentials] = {}
        self._dead: dict[str, Credentials] = {}
        self._names: dict[str, str] = {}
        self._writes = [time.monotonic()]
        self._tokens: dict[str, list[float]] = {node.url: [time.monotonic()] for node in nodes}
        self._wrong: list[str] = []
        self._threads = [threading.Thread(target=self._repeat, args=(self._change, number % 2)) for number in range(4)]
        self._threads += [threading.Thread(target=self._repeat, args=(self._ask, number % 2)) for number in range(4)]
        for thread in self._threads:
            thread.start()

    def end(self, primary_at: float) -> Outcome:
        """Stop, and compare what was acknowledged with what is there.

        Args:
            primary_at: when there was a writable primary again.
        """
        until = time.monotonic()
        self._stop.set()
        for thread in self._threads:
            thread.join()
        first = [min((at for at in times if at >= primary_at), default=until) for times in self._tokens.values()]
        return Outcome(
            acknowledged=len(self._writes) - 1,
            lost=self._lost(),
            without_writes=_longest_gap([*self._writes, until]),
            without_tokens=max(_longest_gap([*times, until]) for times in self._tokens.values()),
            tokens_after_primary=max(first) - primary_at,
            wrong=self._wrong,
        )

    def _repeat(self, act: Callable[[int, random.Random], None], node: int) -> None:
        chance = random.Random(node)  # noqa: S311
        while not self._stop.wait(PAUSE):
            try:
                act(node, chance)
            except (OSError, http.client.HTTPException) as broken:
                self._wrong.append(f"no answer: {broken!r}")

    def _change(self, node: int, chance: random.Random) -> None:
        """Create a client, rename it, and stop every second one; go on with a step only when the one before was acknowledged."""
        registry = self._registries[node]
        body = {"name": "new", "locked": False, "scopes": {"products": []}}
        made = self._acknowledged(registry, "POST", "/v1/clients", body)
        if made is None:
            return
        fields = json.loads(made)
        client = Credentials(fields["client_id"], fields["client_secret"])
        self._names[client.client_id] = "new"
        path = f"/v1/clients/{client.client_id}"
        if chance.random() < 0.5:
            self._good[client.client_id] = client
            self._names.pop(client.client_id)
            if self._acknowledged(registry, "PATCH", path, {"name": "renamed"}) is not None:
                self._names[client.client_id] = "renamed"
        elif chance.random() < 0.5:
            if self._acknowledged(registry, "PATCH", path, {"enabled": False}) is not None:
                self._dead[client.client_id] = client
        else:
            self._names.pop(client.client_id)  # from here on it may be gone, whatever the answer
            if self._acknowledged(registry, "DELETE", path, None) is not None:
                self._dead[client.client_id] = client

    def _acknowledged(self, registry: Registry, method: str, path: str, body: object) -> bytes | None:
        reply = registry.call(method, path, body)
        if reply.status in (200, 201, 204):
            self._writes.append(time.monotonic())
            return reply.body
        if reply.status not in (503, 504):
            self._wrong.append(f"{method} {reply.status}")
        return None

    def _ask(self, node: int, chance: random.Random) -> None:
        """Ask for a token: for the admin client, for one that is good, and for one that is dead on either node."""
        url = self._nodes[node].url
        self._expect(url, self._nodes[node].admin, 200)
        for clients, status in ((self._good, 200), (self._dead, 401)):
            some = list(clients.values())
            if some:
                self._expect(url, chance.choice(some[-20:]), status)

    def _expect(self, url: str, client: Credentials, expected: int) -> None:
        reply = send(url, *token_request(client.form))
        if reply.status == 200:
            self._tokens[url].append(time.monotonic())
        if reply.status not in (expected, 503, 504):
            self._wrong.append(f"token {reply.status} instead of {expected}")

    def _lost(self) -> int:
        """Count the acknowledged changes that are not there."""
        registry = self._registries[0]
        page = registry.call("GET", "/v1/clients?page_size=1000000&page_number=1&status=any").json
        found = {client["client_id"]: client for client in page["clients"]}
        lost = sum(found.get(client_id, {}).get("name") != name for client_id, name in self._names.items())
        lost += sum(client_id not in found for client_id in self._good)
        return lost + sum(found.get(client_id, {}).get("enabled", False) for client_id in self._dead)


def _longest_gap(times: list[float]) -> float:
    ordered = sorted(times)
    return max(after - before for before, after in pairwise(ordered))
