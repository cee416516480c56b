"""What the commands on clients and accounts share: the operator's calls on the data directory, and pages of lists."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from clientry.cli.output import print_json
from clientry.http.api.pagination import ListQuery, Pager
from clientry.opening import Registry
from clientry.records.caller import Caller, Operator
from clientry.registry.listing import Listing, PageRequest
from clientry.server import public_url

RecordT = TypeVar("RecordT")


def as_operator(registry: Registry) -> Caller:
    """Return the caller that a command is."""
    return Operator(request_id=registry.random.bytes(16).hex())


def page_request(size: int, number: int) -> PageRequest:
    """Return the page that the flags ask for.

    Raises:
        ValueError: size or number is below 1.
    """
    if size < 1 or number < 1:
        raise ValueError("--page-size and --page-number must be at least 1")
    return PageRequest(size, number)


async def rows_of(listing: Listing[RecordT]) -> list[RecordT]:
    """Return all rows of a page."""
    return [row async for rows in listing.chunks() for row in rows]


async def print_page(
    registry: Registry, query: ListQuery, listing: Listing[RecordT], name: str, body: Callable[[RecordT], Struct]
) -> None:
    """Print a page exactly as the API answers it."""
    pager = Pager(public_url(registry.settings, registry.settings.port), registry.keys.cursor_key)
    answer = await pager.answer(query, listing, name, body)
    parts = [answer.body] if isinstance(answer.body, bytes) else [part async for part in answer.body]
    print_json(b"".join(parts))
