"""Every way to stop tokens through the API, and to lift the stop again; and rounds of them at random moments."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from tests.support.skewed import SkewedNodes
from tests.support.wire import Reply

Step = tuple[str, str, dict[str, Any] | None]


class Way(NamedTuple):
    """A stop, and what lifts it, if that is needed: method, path and body of each. In the paths: the client, and its accounts."""

    stop: Step
    lift: Step | None = None


_CLIENT = "/v1/clients/{client}"
WAYS: Mapping[str, Way] = {
    "disabled": Way(("PATCH", _CLIENT, {"enabled": False}), ("PATCH", _CLIENT, {"enabled": True})),
    "deleted": Way(("DELETE", _CLIENT, None), ("POST", _CLIENT + "/restore", None)),
    "tokens revoked": Way(("POST", _CLIENT + "/revoke_tokens", None)),
} | {
    f"{what} of {which}": way
    for which in ("account", "above")
    for what, way in {
        "suspension": Way(
            ("PATCH", f"/v1/accounts/{{{which}}}", {"status": "SUSPENDED"}),
            ("PATCH", f"/v1/accounts/{{{which}}}", {"status": "ACTIVE"}),
        ),
        "tokens revoked": Way(("POST", f"/v1/accounts/{{{which}}}/revoke_tokens", None)),
    }.items()
}


class Stage:
    """A client two accounts below the root, on two nodes, and an admin client that stops it."""

    def __init__(self, nodes: SkewedNodes) -> None:
        self.nodes = nodes

    async def set_up(self) -> None:
        self.above = await self.nodes.account(self.nodes.root)
        self.account = await self.nodes.account(self.above)
        self.client = await self.nodes.client(self.account)
        self.renew_admin(await self.nodes.token(0, self.nodes.admin))

    def renew_admin(self, token: str) -> None:
        """Have the admin client use another token."""
        self._token = token

    async def do(self, node: int, step: Step) -> Reply:
        """Have the admin client do a step; it must succeed."""
        method, path, body = step
        path = path.format(client=self.client.client_id, account=self.account, above=self.above)
        reply = await self.nodes.call(node, method, path, self._token, body)
        assert reply.status in {200, 204}, reply
        return reply

    async def round(self, way: Way, random: Random) -> int:
        """Stop the client, and lift that, at random moments while it gets tokens on both nodes.

        All that it had got before the last step was asked for are dead on both nodes; new ones are good at once. Returns how many
        were tried.
        """
        got: list[str] = []
        going = True

        async def get_tokens(node: int) -> None:
            while going:
                reply = await self.nodes.ask(node, self.client)
                if reply.status == 200:
                    got.append(reply.json["access_token"])
                    if random.random() < 0.3:  # so that some of them were verified before
                        await self.nodes.call(random.randrange(2), "GET", "/v1/ping", got[-1])
                await asyncio.sleep(random.random() * 0.002)

        askers = [asyncio.create_task(get_tokens(node)) for node in range(2)]
        await asyncio.sleep(0.002 + random.random() * 0.01)
        before = len(got)
        await self.do(random.randrange(2), way.stop)
        if way.lift is not None:
            await asyncio.sleep(random.random() * 0.004)
            before = len(got)
            await self.do(random.randrange(2), way.lift)
        going = False
        await asyncio.gather(*askers)
        for node in range(2):
            assert await self.nodes.is_good(await self.nodes.token(node, self.client))
        tried = got[:before][-6:]
        for token in tried:
            assert not await self.nodes.is_good(token)
        return len(tried)
