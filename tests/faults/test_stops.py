"""A thousand stops at random moments, on two nodes whose clocks are three seconds apart."""

from pathlib import Path
from random import Random

import pytest
from tests.support.postgres import Postgres
from tests.support.skewed import SkewedNodes
from tests.support.stops import WAYS, Stage

pytestmark = pytest.mark.anyio
SEED = 20


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_x01_a_thousand_stops_at_random_moments(
    full: bool, postgres: Postgres, tmp_path: Path, engine: str
) -> None:
    """Of each way to stop, a thousand (short: fifty): of the tokens got before, tens of thousands, none is alive afterwards."""
    database = postgres.new_database() if engine == "postgresql" else None
    random, rounds = Random(SEED), 1000 if full else 50  # noqa: S311 - moments
    async with SkewedNodes(tmp_path / "data", database, 1.5, -1.5) as nodes:
        stage = Stage(nodes)
        await stage.set_up()
        tried = 0
        for number in range(rounds):
            if number % 100 == 0:
                stage.renew_admin(await nodes.token(0, nodes.admin))
            for way in WAYS.values():
                tried += await stage.round(way, random)
    assert tried > rounds * len(WAYS)
