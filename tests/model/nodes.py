"""Two nodes on one database, with a clock that the test moves; and a client that speaks to either."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support import asgi
from tests.support.wire import TOKEN_PATH, Reply

from clientry.installation import FirstClient, install
from clientry.opening import Registry, open_registry
from clientry.records.caller import Operator
from clientry.server import Node, assemble
from clientry.settings import load

START = 1_800_000_000.0
URL = "https://clientry.example"


class SteppedClock:
    """A clock that goes on when it is told to, and while somebody sleeps."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> float:
        """Return the time of the test."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.time += seconds


class Nodes:
    """Two nodes of this process on the database of a data directory, or on one of PostgreSQL."""

    def __init__(self, data: Path, database: str | None) -> None:
        self.clock = SteppedClock()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._settings = load({"data": str(data), "database": database, "public_url": URL}, {}).settings
        self.nodes: list[Node] = []
        self.registries: list[Registry] = []
        self._runner.run(self._start())

    async def _start(self) -> None:
        for number in range(2):
            opened = open_registry(self._settings, create=number == 0, clock=self.clock)
            registry = await self._stack.enter_async_context(opened)
            if number == 0:
                given = (registry.storage, self._settings, registry.keys, self.clock, registry.random)
                made: list[FirstClient] = []
                await install(*given, made.append)
                # From the root it could manage every account of a run, and nobody would ever be the last.
                await registry.lifecycle.delete(self.operator, made[0].client_id)
            self.registries.append(registry)
            self.nodes.append(await assemble(registry, URL, None))

    def close(self) -> None:
        """Close both."""
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def run(self, doing: Any) -> Any:
        """Run a coroutine to its end."""
        return self._runner.run(doing)

    def call(
        self, node: int, method: str, path: str, token: str | None = None, body: object = None, key: str | None = None
    ) -> Reply:
        """Send a request to the registry of a node."""
        headers = [("Authorization", f"Bearer {token}")] if token else []
        headers += [("Idempotency-Key", key)] if key else []
        sent = b"" if body is None else json.dumps(body).encode()
        headers += [("Content-Type", "application/json")] if body is not None else []
        return self._runner.run(asgi.send(self.nodes[node].app, method, path, headers, sent))

    def ask_token(self, node: int, form: dict[str, str]) -> Reply:
        """Send a token request to a node."""
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
        return self._runner.run(asgi.send(self.nodes[node].app, "POST", TOKEN_PATH, headers, urlencode(form).encode()))

    @property
    def registry(self) -> Registry:
        """What the operator works with."""
        return self.registries[0]

    @property
    def operator(self) -> Any:
        """The operator as a caller."""
        return Operator(request_id="model")
