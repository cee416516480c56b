"""Percent-encoded pairs: strict, and the inverse of what every client library writes."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientry.http.query import MAX_PAIRS, MalformedPairs, parse_pairs, repeated_name

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=20))
def test_t09_what_the_standard_library_encodes_is_read_again(pairs: list[tuple[str, str]]) -> None:
    """Names and values over all of Unicode survive urlencode, in order, repeated ones too."""
    assert parse_pairs(urlencode(pairs).encode()) == pairs


@pytest.mark.parametrize("broken", [b"a=%", b"a=%4", b"a=%zz", b"%=1", b"a=%ff", b"a=\xff", b"a=%ed%a0%80"])
def test_broken_escapes_and_encodings_are_refused(broken: bytes) -> None:
    """Nothing is guessed: half an escape, a byte that is not UTF-8 and an encoded surrogate are errors."""
    with pytest.raises(MalformedPairs):
        parse_pairs(broken)


def test_y05_semicolons_are_text_and_pairs_are_counted() -> None:
    """A semicolon separates nothing, and more pairs than the limit are refused."""
    assert parse_pairs(b"a=1;b=2&&c") == [("a", "1;b=2"), ("c", "")]
    with pytest.raises(MalformedPairs):
        parse_pairs(b"&".join([b"a=1"] * (MAX_PAIRS + 1)))


def test_y05_a_repeated_name_is_found() -> None:
    """The first name that stands twice is told, also where one spelling is escaped."""
    assert repeated_name(parse_pairs(b"a=1&b=2&%61=3")) == "a"
    assert repeated_name(parse_pairs(b"a=1&b=1")) is None
