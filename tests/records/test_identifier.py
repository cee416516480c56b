"""Identifiers: their form, their order and their uniqueness."""

import re

from hypothesis import given
from hypothesis import strategies as st

from clientry.randomness import SystemRandom
from clientry.records.identifier import CLIENT_PREFIX, is_id, new_id


class At:
    """A clock that stands still."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@given(st.floats(0, 2**47 / 1000), st.floats(0, 2**47 / 1000))
def test_identifiers_sort_by_their_millisecond(one: float, other: float) -> None:
    """An identifier made in an earlier millisecond sorts before every later one, and both have the form."""
    first, second = (new_id(CLIENT_PREFIX, At(seconds), SystemRandom()) for seconds in (one, other))
    assert re.fullmatch("apiclient_[0-9a-hjkmnp-tv-z]{26}", first)
    if int(one * 1000) < int(other * 1000):
        assert first < second
    assert first != second


@given(st.text())
def test_only_identifiers_are_identifiers(text: str) -> None:
    """Nothing but prefix and 26 characters of the alphabet is taken for an identifier."""
    assert not is_id(CLIENT_PREFIX, text)
    assert not is_id(CLIENT_PREFIX, CLIENT_PREFIX + text) or re.fullmatch("[0-7][0-9a-hjkmnp-tv-z]{25}", text)
    real = new_id(CLIENT_PREFIX, At(1_700_000_000), SystemRandom())
    assert is_id(CLIENT_PREFIX, real)
    assert not is_id(CLIENT_PREFIX, real + text) or not text
    assert not is_id(CLIENT_PREFIX, real.upper())
