"""Two nodes of this process on one database of each engine, for what meets: their operations run at the same time."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec import Struct

from clientry.installation import FirstClient, install
from clientry.opening import Registry, open_registry
from clientry.records.account import Account
from clientry.records.caller import ClientCaller, Operator
from clientry.records.client import Client, ClientType
from clientry.records.scope import RESOURCES
from clientry.registry.accounts import NewAccount
from clientry.registry.clients import NewClient
from clientry.settings import load

OPERATOR = Operator(request_id="test")


class Nodes(Struct):
    """Two nodes, and what a test makes on them as the operator. `root`, `first`: the root account and its first admin client."""

    registries: tuple[Registry, ...]
    root: str
    first: str

    @property
    def registry(self) -> Registry:
        """The first node."""
        return self.registries[0]

    async def account(self, parent: str | None = None) -> Account:
        """Make an account."""
        new = NewAccount("Name", "owner@example.com", parent or self.root)
        return await self.registry.accounts.create(OPERATOR, new)

    async def admin(self, account_id: str | None = None, resources: tuple[str, ...] = RESOURCES) -> Client:
        """Make an admin client."""
        new = NewClient("Admin", None, (), account_id or self.root, ClientType.ADMIN, resources)
        return (await self.registry.clients.create(OPERATOR, new)).client

    async def standard(self, account_id: str | None = None) -> Client:
        """Make a standard client."""
        return (
            await self.registry.clients.create(OPERATOR, NewClient("Client", None, (), account_id or self.root))
        ).client

    async def now(self, client: Client) -> Client:
        """Return a client as it is now."""
        found = await self.registry.storage.client(client.client_id)
        assert found is not None
        return found


def calling(
    client: Client, account: Account | None = None, scopes: frozenset[str] = frozenset(RESOURCES)
) -> ClientCaller:
    """Return the caller that a token of a client makes, as it was when the token was checked."""
    return ClientCaller(request_id="test", client=client, scopes=scopes, account=account)


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nodes]:
    """Open two nodes on a new database."""
    database = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else None
    settings = load({"data": str(tmp_path / "data"), "database": database}, {}).settings
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_registry(settings, create=True))
        made: list[FirstClient] = []
        await install(first.storage, settings, first.keys, first.clock, first.random, made.append)
        second = await stack.enter_async_context(open_registry(settings))
        yield Nodes((first, second), made[0].account_id, made[0].client_id)
