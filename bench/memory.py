"""What a worker holds in memory after a fixed number of requests."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from bench import servers
from bench.load import CONNECTIONS, LoadError
from bench.place import Place

FIXED_LOAD: Final = {"token": 20_000, "get": 10_000, "create": 2_000}
"""How many of each request a worker has answered when its memory is looked at."""

_LENGTH: Final = re.compile(rb"^content-length: *(\d+)\r$", re.IGNORECASE | re.MULTILINE)


class Memory(Struct, frozen=True):
    """Megabytes of a process.

    Attributes:
        resident: everything of it that is in memory (RSS).
        proportional: the same, with what it shares with other processes divided by their number (PSS).
    """

    resident: float
    proportional: float


def memory(pid: int) -> Memory:
    """Return what a process holds; Linux."""
    found: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, _ = line.split()
        found[name] = int(size)
    return Memory(found["Rss:"] * 1024 / 1e6, found["Pss:"] * 1024 / 1e6)


def after_fixed_load(stopped: servers.Process, first: dict[str, str]) -> Memory:
    """Start a server, have it answer the fixed load, and return what it holds then.

    Args:
        stopped: the server; it is ended again.
        first: the credentials of its first client.

    Raises:
        LoadError: a request was refused.
    """
    with stopped as server:
        place = Place.of(server, first)
        for workload, number in FIXED_LOAD.items():
            asyncio.run(_ask(server.url, place.request(workload), number))
        return memory(server.process.pid)


async def _ask(url: str, request: bytes, number: int) -> None:
    """Send a request so many times, over a few connections."""
    turns = iter(range(number))
    async with asyncio.TaskGroup() as connections:
        for _ in range(CONNECTIONS):
            connections.create_task(_connection(url, request, turns))


async def _connection(url: str, request: bytes, turns: Iterator[int]) -> None:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    for _ in turns:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 2") or length is None:
            raise LoadError(f"an answer was {head[:12].decode()}")
        await reader.readexactly(int(length[1]))
    writer.close()
