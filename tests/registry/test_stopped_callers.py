"""No change commits after the stop of its caller was acknowledged (X05); and nothing else is refused for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from tests.support.postgres import Postgres
from tests.support.registry import Credentials
from tests.support.skewed import SkewedNodes
from tests.support.stops import WAYS, Stage
from tests.support.wire import Reply

from clientry.errors import Unauthorized
from clientry.records.access_token import decode, scopes_alive
from clientry.records.caller import ClientCaller
from clientry.records.client import ClientType
from clientry.records.idempotency import Target
from clientry.registry import operation
from clientry.registry.clients import NewClient
from clientry.storage import ClientFilter, Transaction

pytestmark = pytest.mark.anyio
PLACES = 6
CREATE = {"name": "x", "locked": False, "scopes": {"products": []}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
async def nodes(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> AsyncIterator[SkewedNodes]:
    database = None
    if request.param == "postgresql":
        database = postgres.new_database()
        # Whoever waits for a deadlock to be found waits in vain.
        postgres.sql(f"ALTER DATABASE {urlsplit(database).path[1:]} SET deadlock_timeout = '1min'")
    async with SkewedNodes(tmp_path / "data", database, 0, 0) as running:
        yield running


@pytest.fixture
async def stage(nodes: SkewedNodes) -> Stage:
    """Give a stage whose client is an admin client."""
    return await admin_stage(nodes)


async def admin_stage(nodes: SkewedNodes) -> Stage:
    made = Stage(nodes)
    await made.set_up()
    made.client = await nodes.client(made.account, ClientType.ADMIN)
    await nodes.client(made.account, ClientType.ADMIN)  # else it could not be stopped, as the last one
    return made


async def caller_of(nodes: SkewedNodes, credentials: Credentials, account_id: str | None = None) -> ClientCaller:
    """Return a caller, as a request with a fresh token has it once its token was checked."""
    storage, catalogue = nodes.registries[1].storage, nodes.registries[1].catalogue
    form = {} if account_id is None else {"account_id": account_id}
    token = await nodes.token(1, credentials, **form)
    claims = decode(nodes.payload(token))
    client = await storage.client(credentials.client_id)
    assert client is not None
    account = None if account_id is None else await storage.account(account_id)
    return ClientCaller(
        request_id="test", client=client, scopes=scopes_alive(claims, client, catalogue), account=account
    )


async def count(nodes: SkewedNodes) -> int:
    return await nodes.registries[0].storage.read(lambda snapshot: snapshot.clients.count(ClientFilter(None)))


@pytest.mark.parametrize("narrowed", [False, True])
@pytest.mark.parametrize("way", WAYS)
async def test_x05_a_caller_that_was_stopped_before_its_change_ended(stage: Stage, way: str, narrowed: bool) -> None:
    """Stopped, and running again, while its change was on its way: the change is refused, and has left nothing."""
    nodes, (stop, lift) = stage.nodes, WAYS[way]
    caller = await caller_of(nodes, stage.client, await nodes.account(stage.account) if narrowed else None)
    await stage.do(0, stop)
    if lift is not None:
        await stage.do(0, lift)
    before = await count(nodes)
    with pytest.raises(Unauthorized):
        await nodes.registries[1].clients.create(caller, NewClient("late", None, ()))
    assert await count(nodes) == before
    again = await caller_of(nodes, stage.client)
    await nodes.registries[1].clients.create(again, NewClient("in time", None, ()))


@pytest.mark.parametrize("way", WAYS)
async def test_x05_a_caller_that_is_stopped_in_the_middle_of_its_transaction(
    postgres: Postgres, tmp_path: Path, way: str
) -> None:
    """On PostgreSQL the two run side by side: what was stopped and acknowledged before the change's end undoes it."""
    async with SkewedNodes(tmp_path / "data", postgres.new_database(), 0, 0) as nodes:
        stage = await admin_stage(nodes)
        caller = await caller_of(nodes, stage.client)
        registry, begun, stopped = nodes.registries[1], asyncio.Event(), asyncio.Event()
        occasion = operation.draw_occasion(registry.clock, registry.random)
        victim = await nodes.client(nodes.root)

        async def body(transaction: Transaction) -> None:
            found = await transaction.clients.get(victim.client_id)
            assert found is not None
            await transaction.clients.delete(found, int(occasion.now))
            begun.set()
            await stopped.wait()

        change = asyncio.create_task(
            operation.change(registry.storage, caller, occasion, Target(victim.client_id), body)
        )
        await begun.wait()
        await stage.do(0, WAYS[way].stop)
        stopped.set()
        with pytest.raises(Unauthorized):
            await change
        assert await registry.storage.client(victim.client_id) is not None


async def creating(
    nodes: SkewedNodes, node: int, token: str, account_id: str, made: list[str], busy: asyncio.Event
) -> None:
    """Create clients until one is refused, note their ids, and say when there are some."""
    while True:
        reply = await nodes.call(node, "POST", "/v1/clients", token, {**CREATE, "account_id": account_id})
        if reply.status == 401:
            return
        assert reply.status == 201, reply
        made.append(reply.json["client_id"])
        if len(made) > PLACES:
            busy.set()


@pytest.mark.parametrize("way", ["disabled", "tokens revoked", "suspension of above"])
async def test_x05_nothing_is_committed_after_the_stop_was_acknowledged(stage: Stage, way: str) -> None:
    """A client that creates on both nodes, in several accounts, is stopped: from the answer on nothing comes."""
    await busy_callers_are_stopped(stage, way, rounds=4)


async def busy_callers_are_stopped(stage: Stage, way: str, rounds: int) -> None:
    """Stop a busy caller in rounds."""
    nodes, (stop, lift), random = stage.nodes, WAYS[way], Random(5)  # noqa: S311 - moments
    places = [stage.account, *[await nodes.account(stage.account) for _ in range(PLACES - 1)]]
    for _ in range(rounds):
        token, before = await nodes.token(0, stage.client), await count(nodes)
        made, busy = list[str](), asyncio.Event()
        tasks = [
            asyncio.create_task(creating(nodes, number % 2, token, place, made, busy))
            for number, place in enumerate(places)
        ]
        await busy.wait()
        await asyncio.sleep(random.random() * 0.01)
        await stage.do(0, stop)
        acknowledged = await count(nodes)
        await asyncio.gather(*tasks)
        left = 0 if way != "disabled" else 1  # which is in no list of active clients
        assert await count(nodes) == acknowledged == before + len(made) - left
        if lift is not None:
            await stage.do(0, lift)


async def test_x05_two_that_stop_each_other(nodes: SkewedNodes) -> None:
    """Of two admin clients that disable each other at the same moment one succeeds, and they do not lock each other out."""
    await nodes.client(nodes.root, ClientType.ADMIN)
    for _ in range(8):
        pair = [await nodes.client(nodes.root, ClientType.ADMIN) for _ in range(2)]
        tokens = [await nodes.token(0, one) for one in pair]
        replies: list[Reply] = await asyncio.gather(
            *(
                nodes.call(
                    number, "PATCH", f"/v1/clients/{pair[1 - number].client_id}", tokens[number], {"enabled": False}
                )
                for number in range(2)
            )
        )
        assert sorted(reply.status for reply in replies) == [200, 401], replies


async def test_x05_a_client_changes_what_it_rests_on_itself(stage: Stage) -> None:
    """Its own name, its own account, and its own tokens: it is no stop of somebody else's, and is done."""
    nodes = stage.nodes
    own = f"/v1/clients/{stage.client.client_id}"
    requests: list[tuple[str, str, object]] = [
        ("PATCH", own, {"name": "another"}),
        ("POST", f"{own}/secrets", {"others_end_after": 3600}),
        ("PATCH", f"/v1/accounts/{stage.account}", {"friendly_name": "another"}),
        ("POST", f"/v1/accounts/{stage.account}/revoke_tokens", None),
        ("POST", f"{own}/revoke_tokens", None),
    ]
    for method, path, body in requests:
        token = await nodes.token(0, stage.client)
        reply = await nodes.call(1, method, path, token, body)
        assert reply.status in {200, 201}, reply
        assert await nodes.is_good(token) is not path.endswith("revoke_tokens")
