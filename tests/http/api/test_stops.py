"""What a stop promises: every token from before it is dead, on every node, whatever the clocks say (ruling 19)."""

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from msgspec import structs
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, token_part
from tests.support.skewed import SkewedNodes
from tests.support.stops import WAYS, Stage

from clientry.clock import rfc3339
from clientry.records.client import ClientType, scopes_stopped
from clientry.records.mark import Stop
from clientry.storage import Transaction

pytestmark = pytest.mark.anyio
HOUR = 3600.0
ROUNDS = 3


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
async def nodes(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> AsyncIterator[SkewedNodes]:
    """Give two nodes whose clocks are 30 seconds apart."""
    database = postgres.new_database() if request.param == "postgresql" else None
    async with SkewedNodes(tmp_path / "data", database, 15, -15) as running:
        yield running


@pytest.fixture
async def stage(nodes: SkewedNodes) -> Stage:
    made = Stage(nodes)
    await made.set_up()
    return made


async def test_x01_stops_at_random_moments(stage: Stage) -> None:
    """Tokens got at any moment before a stop, or before it was lifted, stay dead; new ones are good without waiting."""
    random, tried = Random(1), 0  # noqa: S311 - moments
    for way in WAYS.values():
        for _ in range(ROUNDS):
            tried += await stage.round(way, random)
    assert tried > len(WAYS) * ROUNDS


@pytest.mark.parametrize("way", WAYS)
async def test_x01_f11_stops_while_clocks_jump(stage: Stage, way: str) -> None:
    """A jump of an hour, back and forth and on either node, between token, stop and its end revives none and kills no new one."""
    nodes, (stop, lift) = stage.nodes, WAYS[way]
    for jumps in ((-HOUR, HOUR), (HOUR, -HOUR), (-HOUR, -HOUR)):
        tokens = [await nodes.token(node, stage.client) for node in range(2)]
        assert [await nodes.is_good(token) for token in tokens] == [True, True]
        nodes.clocks[0].offset += jumps[0]
        stage.renew_admin(await nodes.token(1, nodes.admin))
        await stage.do(1, stop)
        nodes.clocks[1].offset += jumps[1]
        stage.renew_admin(await nodes.token(0, nodes.admin))
        if lift is not None:
            assert [await nodes.is_good(token) for token in tokens] == [False, False]
            await stage.do(0, lift)
        assert [await nodes.is_good(token) for token in tokens] == [False, False]
        for node in range(2):
            fresh = await nodes.token(node, stage.client)
            claims = token_part(fresh, 1)
            assert claims["exp"] > claims["iat"]
            assert await nodes.is_good(fresh)
        for clock, jump in zip(nodes.clocks, jumps, strict=True):
            clock.offset -= jump
        stage.renew_admin(await nodes.token(0, nodes.admin))
        assert [await nodes.is_good(token) for token in tokens] == [False, False]


@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize("later", [None, 2 * HOUR])
async def test_x01_an_end_that_passed_and_was_put_off(stage: Stage, node: int, later: float | None) -> None:
    """Nobody tidied up, and the node that puts it off need not even have seen it pass: tokens from before it stay dead."""
    nodes = stage.nodes
    token = await nodes.token(0, stage.client)
    await stage.do(0, ("PATCH", "/v1/clients/{client}", {"expires_at": _rfc3339(nodes, 0, 20)}))
    assert await nodes.is_good(token)
    nodes.clocks[0].offset += 25
    assert (await nodes.call(0, "GET", "/v1/ping", token)).status == 401
    assert (await nodes.call(1, "GET", "/v1/ping", token)).status == 200
    new_end = None if later is None else _rfc3339(nodes, 0, later)
    await stage.do(node, ("PATCH", "/v1/clients/{client}", {"expires_at": new_end}))
    assert not await nodes.is_good(token)
    assert await nodes.is_good(await nodes.token(1 - node, stage.client))


async def test_x01_a_scope_that_was_taken_away_and_given_back(nodes: SkewedNodes) -> None:
    """It is dead in the tokens of an admin client from before, and only it; tokens from afterwards grant it."""
    admin = await nodes.client(nodes.root, ClientType.ADMIN)
    token = await nodes.token(0, admin)
    narrowed = await nodes.token(0, admin, account_id=await nodes.account(nodes.root))
    clients, accounts = ("/v1/clients?page_size=1&page_number=1", "/v1/accounts?page_size=1&page_number=1")

    async def answers(used: str, path: str) -> set[int]:
        return {(await nodes.call(node, "GET", path, used)).status for node in range(2)}

    for _ in range(2):
        before = [token, narrowed]
        await _set_resources(nodes, admin, ("accounts:read", "accounts:write"))
        assert [await answers(one, clients) for one in before] == [{403}, {403}]
        await _set_resources(nodes, admin, ("clients:read", "accounts:read", "accounts:write"))
        assert [await answers(one, clients) for one in before] == [{403}, {403}]
        assert [await answers(one, accounts) for one in before] == [{200}, {200}]
        token = await nodes.token(1, admin)
        narrowed = await nodes.token(1, admin, account_id=await nodes.account(nodes.root))
        assert [await answers(one, clients) for one in (token, narrowed)] == [{200}, {200}]
    assert len(token_part(token, 1)["marks"]) == 1 + 1 + 1


async def _set_resources(nodes: SkewedNodes, admin: Credentials, resources: tuple[str, ...]) -> None:
    """Register a client for these global resources."""

    async def body(transaction: Transaction) -> None:
        old = await transaction.clients.get(admin.client_id)
        assert old is not None
        new = structs.replace(old, resources=resources, version=old.version + 1)
        stop = Stop(nodes.clocks[0].now(), f"salt{old.version}")
        await transaction.clients.replace(old, scopes_stopped(old, new, stop))

    await nodes.registries[0].storage.write(body)


async def test_x01_a_product_that_was_taken_away_and_given_back(stage: Stage) -> None:
    """The token of a standard client is good all the while; the product has another mark in the next one."""
    nodes = stage.nodes
    tokens = [await nodes.token(0, stage.client)]
    for products in ([], ["SuperSIM"], [], ["SuperSIM"]):
        await stage.do(0, ("PATCH", "/v1/clients/{client}", {"scopes": {"products": products}}))
        tokens.append(await nodes.token(1, stage.client))
    assert {await nodes.is_good(token) for token in tokens} == {True}
    scope_marks = [token_part(token, 1)["marks"][4:] for token in tokens]
    assert [len(marks) for marks in scope_marks] == [0, 0, 1, 0, 1]
    assert scope_marks[2] != scope_marks[4]


async def test_j08_marks_say_which_accounts_have_an_ancestor_in_common_and_no_more(stage: Stage) -> None:
    """A mark is 8 characters, one for the client and one for each account; none is an id, and a stop changes its own only."""
    nodes = stage.nodes
    sibling = await nodes.client(await nodes.account(stage.above))
    marks, other = [token_part(await nodes.token(0, one), 1)["marks"] for one in (stage.client, sibling)]
    assert [len(mark) for mark in marks] == [8] * 4
    assert [one == two for one, two in zip(marks, other, strict=True)] == [False, True, True, False]
    await stage.do(0, ("POST", "/v1/accounts/{above}/revoke_tokens", None))
    after = token_part(await nodes.token(1, stage.client), 1)["marks"]
    assert [one == two for one, two in zip(marks, after, strict=True)] == [True, True, False, True]


def _rfc3339(nodes: SkewedNodes, node: int, seconds: float) -> str:
    return rfc3339(int(nodes.clocks[node].now() + seconds))
