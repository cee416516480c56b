"""Pages: reading `page_size`, `page_number` and `cursor`, and writing a page with absolute links to its neighbours.

A cursor says where a page starts, so that a walk costs the same on the last page as on the first. It comes back from outside:
it is signed, and bound to the list, its filters, the page and the caller's account; whatever is not is a 400.
"""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct, structs

from clientry.errors import BadRequest
from clientry.http.api.representations import Meta, encode
from clientry.http.bodies import quoted_name
from clientry.http.exchange import JSON, NO_STORE, Answer, Scope
from clientry.http.query import MalformedPairs, parse_pairs, repeated_name
from clientry.records.signing_key import b64, unb64
from clientry.records.text import has_forbidden_characters
from clientry.registry.listing import Listing, PageRequest
from clientry.storage import Position

MAX_NUMBER: Final = 2_147_483_647

_WHOLE = re.compile(r"[1-9][0-9]{0,9}")
_TAG: Final = 16

RecordT = TypeVar("RecordT")


class ListQuery(Struct, frozen=True):
    """The query of a list.

    Attributes:
        path: of the list.
        size: rows per page.
        number: 1 for the first page.
        filters: the other parameters, as they came.
        root: the account whose tree the caller sees.
        cursor: as it came.
    """

    path: str
    size: int
    number: int
    filters: dict[str, str]
    root: str | None
    cursor: str | None = None

    def refuse_blank_filters(self) -> None:
        """Check that every filter has a text.

        Raises:
            BadRequest: one has none, or holds control characters.
        """
        for name, text in self.filters.items():
            if not text.strip() or has_forbidden_characters(text):
                raise BadRequest(f"{name} must not be empty or hold control characters.")

    def binding(self) -> bytes:
        """Return what a cursor is bound to."""
        return msgspec.json.encode([self.path, self.size, self.number, self.filters, self.root], order="sorted")


def read_query(scope: Scope, filters: frozenset[str], root: str | None) -> ListQuery:
    """Read the query of a list.

    Args:
        scope: the request.
        filters: the parameters that the list knows beside those of paging.
        root: the account whose tree the caller sees.

    Raises:
        BadRequest: a parameter is unknown, repeated, missing, or not what it must be; the message names it.
    """
    try:
        pairs = parse_pairs(scope["query_string"])
    except MalformedPairs:
        raise BadRequest("The query string is not percent-encoded UTF-8, or has too many parameters.") from None
    parameters = dict(pairs)
    for name in parameters:
        if name not in filters | {"page_size", "page_number", "cursor"}:
            raise BadRequest(f"{quoted_name(name)} is not a parameter of this list.")
    if (repeated := repeated_name(pairs)) is not None:
        raise BadRequest(f"{repeated} is given more than once.")
    return ListQuery(
        path=scope["path"],
        size=_whole("page_size", parameters.pop("page_size", None)),
        number=_whole("page_number", parameters.pop("page_number", None)),
        cursor=parameters.pop("cursor", None),
        filters=parameters,
        root=root,
    )


def _whole(name: str, text: str | None) -> int:
    if text is None:
        raise BadRequest(f"{name} is required: a whole number from 1 to {MAX_NUMBER}.")
    number = int(text) if _WHOLE.fullmatch(text) else 0
    if not 1 <= number <= MAX_NUMBER:
        raise BadRequest(f"{name} must be a whole number from 1 to {MAX_NUMBER}.")
    return number


class Pager:
    """Turns queries into page requests, and listings into answers.

    Args:
        public_url: what page URLs start with; never a request's Host.
        key: signs cursors; every node has the same.
    """

    def __init__(self, public_url: str, key: bytes) -> None:
        self._public_url = public_url
        self._key = key

    def page(self, query: ListQuery) -> PageRequest:
        """Return the page that a query asks for.

        Raises:
            BadRequest: the cursor is not one of ours, or belongs to another list, filter, size or page.
        """
        page = PageRequest(query.size, query.number)
        if query.cursor is None:
            return page
        opened = self._open(query.cursor, query)
        if opened is None:
            raise BadRequest("cursor is not one that this list gave out for these parameters.")
        backwards, position = opened
        return structs.replace(page, before=position) if backwards else structs.replace(page, after=position)

    async def answer(
        self, query: ListQuery, listing: Listing[RecordT], name: str, body: Callable[[RecordT], Struct]
    ) -> Answer:
        """Return a page: whole if it is small, in parts as they are read if it is large."""
        parts = self._parts(query, listing, name, body)
        if not listing.is_whole:
            return Answer(200, JSON + NO_STORE, parts)
        return Answer(200, JSON + NO_STORE, b"".join([part async for part in parts]))

    async def _parts(
        self, query: ListQuery, listing: Listing[RecordT], name: str, body: Callable[[RecordT], Struct]
    ) -> AsyncIterator[bytes]:
        """Yield a page as JSON; `meta` comes last, because where the next page starts is known at the end of this one."""
        yield f'{{"{name}":['.encode()
        separator = b""
        async for rows in listing.chunks():
            if rows:
                yield separator + b",".join([encode(body(row)) for row in rows])
                separator = b","
        yield b'],"meta":' + encode(self._meta(query, listing)) + b"}"

    def _meta(self, query: ListQuery, listing: Listing[RecordT]) -> Meta:
        return Meta(
            count=listing.count,
            page_number=query.number,
            page_size=query.size,
            previous_page_url=self._previous(query, listing.count, listing.first),
            next_page_url=self._next(query, listing.last if listing.more else None),
        )

    def _next(self, query: ListQuery, last: Position | None) -> str:
        if last is None or query.number == MAX_NUMBER:
            return ""
        return self._url(structs.replace(query, number=query.number + 1), last, backwards=False)

    def _previous(self, query: ListQuery, count: int, first: Position | None) -> str:
        if query.number == 1 or count == 0:
            return ""
        if first is None:
            last_page = min(-(-count // query.size), query.number - 1)
            return self._url(structs.replace(query, number=last_page), None, backwards=True)
        number = query.number - 1
        return self._url(structs.replace(query, number=number), first if number > 1 else None, backwards=True)

    def _url(self, query: ListQuery, position: Position | None, *, backwards: bool) -> str:
        parameters: Mapping[str, str | int] = {
            "page_size": query.size,
            "page_number": query.number,
            **query.filters,
            **({} if position is None else {"cursor": self._seal(query, position, backwards=backwards)}),
        }
        return f"{self._public_url}{query.path}?{urlencode(parameters)}"

    def _seal(self, query: ListQuery, position: Position, *, backwards: bool) -> str:
        content = msgspec.json.encode([backwards, position.date_created, position.id])
        return b64(self._tag(content, query) + content).decode()

    def _open(self, cursor: str, query: ListQuery) -> tuple[bool, Position] | None:
        sealed = unb64(cursor.encode()) if cursor.isascii() and len(cursor) < 500 else None
        if sealed is None or not hmac.compare_digest(sealed[:_TAG], self._tag(sealed[_TAG:], query)):
            return None
        backwards, date_created, record_id = msgspec.json.decode(sealed[_TAG:], type=tuple[bool, int, str])
        return backwards, Position(date_created, record_id)

    def _tag(self, content: bytes, query: ListQuery) -> bytes:
        return hmac.digest(self._key, query.binding() + b"\0" + content, hashlib.sha256)[:_TAG]
