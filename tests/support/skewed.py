"""Two nodes of this process on one database, each with a clock of its own that is wrong by so much."""

import base64
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from tests.support import asgi
from tests.support.registry import Credentials
from tests.support.wire import TOKEN_PATH, Reply

from clientry.installation import FirstClient, install
from clientry.opening import Registry, open_registry
from clientry.records.caller import Operator
from clientry.records.client import ClientType
from clientry.records.scope import RESOURCES
from clientry.registry.accounts import NewAccount
from clientry.registry.clients import NewClient
from clientry.server import Node, assemble
from clientry.settings import load

URL = "https://clientry.example"


class SkewedClock:
    """The machine's clock, wrong by `offset` seconds."""

    def __init__(self, offset: float) -> None:
        self.offset = offset

    def now(self) -> float:
        """Return what it shows."""
        return time.time() + self.offset

    async def sleep(self, seconds: float) -> None:
        """Refuse: once tokens carry marks nobody waits for a clock."""
        raise AssertionError(f"somebody waits {seconds} seconds for the clock")


class SkewedNodes:
    """The nodes.

    Args:
        data: where their keys, and the database without a URL, are.
        database: the URL of one of PostgreSQL, None for SQLite.
        offsets: by how many seconds each clock is wrong.
    """

    def __init__(self, data: Path, database: str | None, *offsets: float) -> None:
        self.clocks = [SkewedClock(offset) for offset in offsets]
        self.registries: list[Registry] = []
        self.nodes: list[Node] = []
        self._settings = load({"data": str(data), "database": database, "public_url": URL}, {}).settings
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for number, clock in enumerate(self.clocks):
            opened = open_registry(self._settings, create=number == 0, clock=clock)
            registry = await self._stack.enter_async_context(opened)
            if number == 0:
                await install(registry.storage, self._settings, registry.keys, clock, registry.random, self._take)
            self.registries.append(registry)
            self.nodes.append(await assemble(registry, URL, None))
        return self

    def _take(self, first: FirstClient) -> None:
        self.admin = Credentials(first.client_id, first.client_secret)
        self.root = first.account_id

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def account(self, above: str) -> str:
        """Make an account below another one, as the operator."""
        new = NewAccount("an account", "owner@example.com", above)
        return (await self.registries[0].accounts.create(self.operator, new)).account_id

    async def client(
        self, account_id: str, client_type: ClientType = ClientType.STANDARD, lifetime: int = 86_400
    ) -> Credentials:
        """Make a client, as the operator."""
        resources = RESOURCES if client_type is ClientType.ADMIN else ()
        new = NewClient("a client", None, ("SuperSIM",), account_id, client_type, resources, token_lifetime=lifetime)
        made = await self.registries[0].clients.create(self.operator, new)
        return Credentials(made.client.client_id, made.client_secret)

    @property
    def operator(self) -> Operator:
        """The operator as a caller."""
        return Operator(request_id="test")

    async def call(self, node: int, method: str, path: str, token: str, body: object = None) -> Reply:
        """Send a request with a token to a node."""
        headers = [("Authorization", f"Bearer {token}")]
        headers += [("Content-Type", "application/json")] if body is not None else []
        sent = b"" if body is None else json.dumps(body).encode()
        return await asgi.send(self.nodes[node].app, method, path, headers, sent)

    async def ask(self, node: int, credentials: Credentials, **form: str) -> Reply:
        """Ask a node for a token."""
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
        body = urlencode({**credentials.form, **form}).encode()
        return await asgi.send(self.nodes[node].app, "POST", TOKEN_PATH, headers, body)

    async def token(self, node: int, credentials: Credentials, **form: str) -> str:
        """Get a token from a node."""
        reply = await self.ask(node, credentials, **form)
        assert reply.status == 200, reply
        return reply.json["access_token"]

    def payload(self, token: str) -> bytes:
        """Return the claims of a token, as they were signed."""
        part = token.split(".")[1]
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    async def is_good(self, token: str) -> bool:
        """Tell whether a token is good: on all nodes, or on none."""
        found = {(await self.call(node, "GET", "/v1/ping", token)).status for node in range(len(self.nodes))}
        assert found in ({200}, {401}), found
        return found == {200}
