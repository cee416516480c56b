"""The state machine reads the same from the same bytes, however the network has cut them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.process.corpus.corpus import CORPUS
from tests.process.corpus.entry import Entry
from tests.process.reading import Reading, cut, read

MANY = 600


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.name)
def test_one_cut_changes_nothing(entry: Entry) -> None:
    """An entry of the corpus is read the same in one part, in two with a cut anywhere, and byte by byte."""
    raw = entry.raw
    whole = read([raw])
    places = range(1, len(raw)) if len(raw) <= MANY else [*range(1, 100), *range(len(raw) - 100, len(raw))]
    for place in places:
        same(whole, read(cut(raw, [place])), place)
    same(whole, read(cut(raw, range(len(raw)))), "byte by byte")


@settings(deadline=None, max_examples=400)
@given(
    entries=st.lists(st.sampled_from(CORPUS), min_size=1, max_size=3),
    places=st.lists(st.integers(0, 50_000), max_size=12),
)
def test_no_cuts_change_anything(entries: list[Entry], places: list[int]) -> None:
    """So are several entries behind each other, cut at any places."""
    raw = b"".join(entry.raw for entry in entries)
    same(read([raw]), read(cut(raw, places)), places)


@settings(deadline=None, max_examples=400)
@given(
    entry=st.sampled_from(CORPUS),
    at=st.integers(0, 50_000),
    put=st.binary(max_size=4),
    places=st.lists(st.integers(0, 50_000), max_size=6),
)
def test_no_cuts_change_what_is_read_of_a_mutant(entry: Entry, at: int, put: bytes, places: list[int]) -> None:
    """So is an entry in which some bytes were replaced by any others."""
    at %= len(entry.raw)
    raw = entry.raw[:at] + put + entry.raw[at + len(put) :]
    same(read([raw]), read(cut(raw, places)), places)


def same(whole: Reading, parts: Reading, places: object) -> None:
    """Assert that two readings agree; what overflowed in one of them was told so, at least."""
    if not whole.overflowed and not parts.overflowed:
        assert parts == whole, places
