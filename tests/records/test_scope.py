"""Scope strings: the grammar of RFC 6749 section 3.3, and what is granted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientry.oauth2 import InvalidScope
from clientry.records.scope import format_scope, grant, parse

TOKENS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=8
)


@given(st.lists(TOKENS, min_size=1, unique=True))
def test_t20_what_is_printed_is_read_again(tokens: list[str]) -> None:
    """Any list of scope-tokens survives printing and reading."""
    assert parse(format_scope(tuple(tokens))) == tuple(tokens)


@pytest.mark.parametrize("text", ["", " ", "a  b", " a", "a ", "a\tb", "a\nb", 'a"b', "a\\b", "é", "a\x7fb", "\ud800"])
def test_t20_what_breaks_the_grammar_is_invalid(text: str) -> None:
    """Double and outer spaces, tabs, quotes, backslashes and everything beyond ASCII are refused."""
    with pytest.raises(InvalidScope):
        parse(text)


@given(st.lists(TOKENS, unique=True), st.lists(TOKENS, min_size=1, unique=True))
def test_t14_nothing_is_granted_that_is_not_held(held: list[str], wanted: list[str]) -> None:
    """A grant is exactly what was asked for if all of it is held, in the held order, and else refused."""
    request = format_scope(tuple(wanted))
    if set(wanted) <= set(held):
        assert grant(tuple(held), request) == tuple(scope for scope in held if scope in wanted)
    else:
        with pytest.raises(InvalidScope):
            grant(tuple(held), request)


def test_t19_left_out_means_what_the_client_holds() -> None:
    """Without a scope parameter a token gets what the client holds, and nothing for a client that holds nothing."""
    assert grant(("a", "b"), None) == ("a", "b")
    assert grant((), None) == ()
