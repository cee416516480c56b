"""Versions as entity tags: what a change can be made conditional on (RFC 9110 section 13.1.1)."""

import re

from clientry.http.exchange import Headers, Scope, header_values

_ETAG = re.compile(r'(?:W/)?"v([1-9][0-9]{0,17})"')
"""Weak ones, too, which RFC 9110 would have match nothing: a proxy that compresses makes ours weak, and the version is the same."""


def etag(version: int) -> Headers:
    """Return the header that names a version."""
    return ((b"etag", f'"v{version}"'.encode()),)


def if_match(scope: Scope) -> frozenset[int] | None:
    """Return the versions that If-Match allows, None where any will do."""
    values = header_values(scope, b"if-match")
    tags = [tag.strip() for value in values for tag in value.decode("latin-1").split(",")]
    if not values or tags == ["*"]:
        return None
    matches = (_ETAG.fullmatch(tag) for tag in tags)
    return frozenset(int(match[1]) for match in matches if match is not None)
