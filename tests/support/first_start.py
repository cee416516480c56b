"""First starts of nodes at the same moment: everything that `serve` does before it listens, in processes that are warm already."""

import asyncio
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from threading import BrokenBarrierError
from typing import Any, NamedTuple

from clientry.installation import FirstClient
from clientry.opening import install_where_missing, open_registry
from clientry.records.signing_key import SealedKey
from clientry.server import assemble
from clientry.settings import Settings, load

URL = "https://clientry.example"
MOST = 4
"""Nodes that start at once, at most."""

_barriers: dict[int, Any] = {}


class Place(NamedTuple):
    """Where a node starts: its flags and variables."""

    flags: dict[str, str]
    environment: dict[str, str]

    @property
    def settings(self) -> Settings:
        """What it runs with."""
        return load(self.flags, self.environment).settings


class Started(NamedTuple):
    """What a node found or made. `client_id`: the first client, if it was handed its credentials."""

    client_id: str | None
    kids: tuple[str, ...]


class Starters:
    """Processes, of which some start at once."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        barriers = {number: context.Barrier(number) for number in range(2, MOST + 1)}
        self._pool = ProcessPoolExecutor(MOST, context, _take, (barriers,))

    def start(self, places: Sequence[Place]) -> list[Started]:
        """Start a node at each place at once; what keeps one from starting is raised."""
        return list(self._pool.map(_start, places, [len(places)] * len(places), timeout=100))

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def _take(barriers: dict[int, Any]) -> None:
    _barriers.update(barriers)


def _start(place: Place, at_once: int) -> Started:
    try:
        _barriers[at_once].wait(60)
    except BrokenBarrierError:
        raise AssertionError("the others did not start") from None
    return asyncio.run(_first_start(place.settings))


async def _first_start(settings: Settings) -> Started:
    greeted: list[FirstClient] = []
    async with open_registry(settings, create=True) as registry:
        await install_where_missing(registry, greeted.append)
        await assemble(registry, URL, None)
        stored: tuple[SealedKey, ...] = await registry.storage.read(lambda snapshot: snapshot.signing_keys.all())
    return Started(greeted[0].client_id if greeted else None, tuple(key.kid for key in stored))
