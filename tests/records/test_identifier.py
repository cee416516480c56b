"""Identifiers: their form, their order and their uniqueness."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientry.randomness import SystemRandom
from clientry.records.identifier import ACCOUNT_ID_LENGTH, ACCOUNT_PREFIX, CLIENT_PREFIX, SECRET_PREFIX, is_id, new_id

PUBLISHED = "01aryz6s41tsv4rrffq69g5fav"
"""The example of the ULID specification for 1469918176385 milliseconds, in lower case."""
RANDOM_PART = (0xD6764C61EFB99302BD5B).to_bytes(10)


class At:
    """A clock that stands still."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Drawn:
    """What was drawn already."""

    def bytes(self, count: int) -> bytes:
        assert count == len(RANDOM_PART)
        return RANDOM_PART


def test_the_published_example_is_made() -> None:
    """48 bits of milliseconds and 80 random bits make the very text that the specification prints."""
    assert new_id("", At(1469918176.3851), Drawn()) == PUBLISHED
    assert new_id(ACCOUNT_PREFIX, At(1469918176.3851), Drawn()) == ACCOUNT_PREFIX + PUBLISHED
    assert len(ACCOUNT_PREFIX + PUBLISHED) == ACCOUNT_ID_LENGTH


@given(st.floats(0, 2**47 / 1000), st.floats(0, 2**47 / 1000))
def test_identifiers_sort_by_their_millisecond(one: float, other: float) -> None:
    """An identifier made in an earlier millisecond sorts before every later one, and both have the form."""
    first, second = (new_id(CLIENT_PREFIX, At(seconds), SystemRandom()) for seconds in (one, other))
    assert is_id(CLIENT_PREFIX, first)
    assert is_id(CLIENT_PREFIX, second)
    if int(one * 1000) < int(other * 1000):
        assert first < second
    assert first != second


@pytest.mark.parametrize("place", range(len(PUBLISHED)))
def test_one_character_decides(place: int) -> None:
    """At every place the characters of the alphabet are accepted and all others refused; the first is at most 7."""
    good = "01234567" if place == 0 else "0123456789abcdefghjkmnpqrstvwxyz"
    for character in (*string.printable, "\0", "\u0663", "\uff10", "\xdf", "\u0131"):
        text = CLIENT_PREFIX + PUBLISHED[:place] + character + PUBLISHED[place + 1 :]
        assert is_id(CLIENT_PREFIX, text) is (character in good), text


@pytest.mark.parametrize(
    "text",
    [
        "",
        CLIENT_PREFIX,
        PUBLISHED,
        CLIENT_PREFIX + PUBLISHED[:-1],
        CLIENT_PREFIX + PUBLISHED + "0",
        CLIENT_PREFIX + PUBLISHED + "\n",
        " " + CLIENT_PREFIX + PUBLISHED,
        CLIENT_PREFIX + CLIENT_PREFIX + PUBLISHED,
        CLIENT_PREFIX.upper() + PUBLISHED,
        CLIENT_PREFIX[1:] + PUBLISHED,
        ACCOUNT_PREFIX + PUBLISHED,
        SECRET_PREFIX + PUBLISHED,
    ],
)
def test_nearly_an_identifier_is_none(text: str) -> None:
    """Too short, too long, another prefix, or something around it."""
    assert is_id(CLIENT_PREFIX, CLIENT_PREFIX + PUBLISHED)
    assert not is_id(CLIENT_PREFIX, text)
