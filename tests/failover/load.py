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
from tests.support.wire import Reply, send, token_request

PAUSE = 0.02
"""Seconds between two requests of one asker."""
AWAY = (503, 504)
"""How a node says that its database is away."""


class Outcome(Struct):
    """What happened in a scenario; times in seconds.

    Attributes:
        acknowledged: changes that were acknowledged.
        lost: those of them that were not there afterwards, as either node tells it.
        without_writes: the longest time between two acknowledged changes.
        without_tokens: the longest time between two tokens.
        tokens_after_primary: from the moment that there was a writable primary again until each node gave a token.
        slowest: the longest time that any answer took.
        wrong: answers that were wrong, whatever the database did.
    """

    acknowledged: int
    lost: int
    without_writes: float
    without_tokens: float
    tokens_after_primary: float
    slowest: float
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
        self._took = [0.0]
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
            lost=max(self._lost(registry) for registry in self._registries),
            without_writes=_longest_gap([*self._writes, until]),
            without_tokens=max(_longest_gap([*times, until]) for times in self._tokens.values()),
            tokens_after_primary=max(first) - primary_at,
            slowest=max(self._took),
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
        """Create a client, then rename, disable or delete it."""
        registry = self._registries[node]
        made = self._call(registry, "POST", "/v1/clients", {"name": "new", "locked": False, "scopes": {"products": []}})
        if made.status != 201:
            self._expect(made, 201, "POST")
            return
        self._writes.append(time.monotonic())
        fields = json.loads(made.body)
        client = Credentials(fields["client_id"], fields["client_secret"])
        path = f"/v1/clients/{client.client_id}"
        kind = chance.choice(["rename", "rename", "disable", "delete"])
        if kind == "disable":
            self._names[client.client_id] = "new"
            if self._acknowledged(registry, "PATCH", path, {"enabled": False}):
                self._dead[client.client_id] = client
        elif kind == "delete":
            if self._acknowledged(registry, "DELETE", path, None):
                self._dead[client.client_id] = client
        else:
            self._good[client.client_id] = client
            if self._acknowledged(registry, "PATCH", path, {"name": "renamed"}):
                self._names[client.client_id] = "renamed"

    def _acknowledged(self, registry: Registry, method: str, path: str, body: object) -> bool:
        """Make a change, again and again as an operator would whose first try got no clear answer."""
        tried = False
        while True:
            reply = self._call(registry, method, path, body)
            if reply.status in (200, 204):
                self._writes.append(time.monotonic())
                return True
            if reply.status == 404 and method == "DELETE" and tried:
                return True  # so an earlier try has done it
            if reply.status not in AWAY:
                self._wrong.append(f"{method} {reply.status}")
                return False
            tried = True
            if self._stop.wait(PAUSE):
                return False

    def _ask(self, node: int, chance: random.Random) -> None:
        """Ask for tokens: the admin client, one that is good, and one that is dead on either node; for the keys; for a client."""
        server = self._nodes[node]
        self._ask_token(server, server.admin, 200)
        for clients, status in ((self._good, 200), (self._dead, 401)):
            some = list(clients.values())
            if some:
                self._ask_token(server, chance.choice(some[-20:]), status)
        some = list(self._good)
        if some:
            path = f"/v1/clients/{chance.choice(some)}"
            self._expect(self._call(self._registries[node], "GET", path, None), 200, "GET")
        keys = self._timed(lambda: send(server.url, "GET", "/.well-known/jwks.json"))
        if keys.status != 200:
            self._wrong.append(f"keys {keys.status}")

    def _ask_token(self, server: Server, client: Credentials, expected: int) -> None:
        reply = self._timed(lambda: send(server.url, *token_request(client.form)))
        if reply.status == 200:
            self._tokens[server.url].append(time.monotonic())
        self._expect(reply, expected, "token")

    def _expect(self, reply: Reply, expected: int, what: str) -> None:
        if reply.status not in (expected, *AWAY):
            self._wrong.append(f"{what} {reply.status} instead of {expected}")

    def _call(self, registry: Registry, method: str, path: str, body: object) -> Reply:
        return self._timed(lambda: registry.call(method, path, body))

    def _timed(self, request: Callable[[], Reply]) -> Reply:
        started = time.monotonic()
        reply = request()
        self._took.append(time.monotonic() - started)
        return reply

    def _lost(self, registry: Registry) -> int:
        """Count the acknowledged changes that are not there."""
        page = registry.call("GET", "/v1/clients?page_size=1000000&page_number=1&status=any").json
        found = {client["client_id"]: client for client in page["clients"]}
        lost = sum(found.get(client_id, {}).get("name") != name for client_id, name in self._names.items())
        lost += sum(client_id not in found for client_id in self._good)
        return lost + sum(found.get(client_id, {}).get("enabled", False) for client_id in self._dead)


def _longest_gap(times: list[float]) -> float:
    ordered = sorted(times)
    return max(after - before for before, after in pairwise(ordered))
