"""Verifiers: what is kept of a secret belongs to one secret of one client under one pepper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from clientry.records.secret import ClientSecret, hint
from clientry.records.verifier import BOUND, PLAIN, WRAPPED, Pepper

PEPPER = Pepper(b"p" * 32)
TEXTS = st.text(min_size=4, max_size=80)
HOWS = ("bound", "wrapped", "plain")


def kept(secret: str, place: tuple[str, str] = ("a", "s"), *, how: str = "bound") -> ClientSecret:
    """Return what is kept of a secret, its verifier made in one of the ways that there are."""
    bare = ClientSecret(place[1], place[0], b"", hint(secret), 0)
    plain = structs.replace(bare, verifier=PEPPER.plain_verifier(secret))
    made = {"bound": PEPPER.verifier(secret, bare), "plain": plain.verifier, "wrapped": PEPPER.wrap(plain)}
    return structs.replace(bare, verifier=made[how])


@pytest.mark.parametrize("how", HOWS)
@given(one=TEXTS, other=TEXTS)
def test_n02_a_verifier_belongs_to_one_secret_under_one_pepper(how: str, one: str, other: str) -> None:
    """Only the same secret under the same pepper matches, whatever stands beside it."""
    mine, others = kept(one, how=how), kept(other, ("a", "t"), how=how)
    assert PEPPER.matches(one, (mine,), plain=True) == 0
    assert PEPPER.matches(one, (others, mine), plain=True) == 1
    assert (PEPPER.matches(one, (others,), plain=True) == 0) is (one == other)
    assert Pepper(b"q" * 32).matches(one, (mine,), plain=True) is None
    assert PEPPER.matches(one, (), plain=True) is None


@pytest.mark.parametrize("how", ["bound", "wrapped"])
@given(st.data())
def test_x06_a_verifier_that_was_moved_matches_nothing(how: str, data: st.DataObject) -> None:
    """Under another client, or another secret's id, it is worth nothing; also where both together are the same text."""
    secret = data.draw(TEXTS)
    mine = kept(secret, ("a1", "s1"), how=how)
    both = data.draw(st.sampled_from(("a1s1", "a2s1", data.draw(TEXTS))))
    cut = data.draw(st.integers(0, len(both)))
    moved = structs.replace(mine, client_id=both[:cut], secret_id=both[cut:])
    same = (moved.client_id, moved.secret_id) == (mine.client_id, mine.secret_id)
    assert PEPPER.matches(secret, (moved,), plain=True) == (0 if same else None)


def test_x06_a_verifier_of_one_kind_is_none_of_another() -> None:
    """Who rewrites its first byte, or cuts it, gets nothing that matches."""
    secret = "cs_" + "a" * 49
    for how in HOWS:
        mine = kept(secret, how=how)
        for tag in (PLAIN, BOUND, WRAPPED, b"\0", b""):
            other = structs.replace(mine, verifier=tag + mine.verifier[1:])
            expected = 0 if tag == mine.verifier[:1] else None
            assert PEPPER.matches(secret, (other,), plain=True) == expected
        assert PEPPER.matches(secret, (structs.replace(mine, verifier=b""),), plain=True) is None


def test_a_plain_verifier_is_refused_once_there_can_be_none() -> None:
    """What is bound to nothing matches until it was to be wrapped, and afterwards no more."""
    secret = "cs_" + "a" * 49
    assert PEPPER.matches(secret, (kept(secret, how="plain"),), plain=True) == 0
    assert PEPPER.matches(secret, (kept(secret, how="plain"),), plain=False) is None
    assert PEPPER.matches(secret, (kept(secret, how="wrapped"),), plain=False) == 0


def test_o05_a_verifier_says_how_it_was_made() -> None:
    """The first byte of what is stored names the construction, and the secret is not in it."""
    for how, tag in (("plain", b"\x01"), ("bound", b"\x02"), ("wrapped", b"\x03")):
        verifier = kept("cs_secret", how=how).verifier
        assert verifier[:1] == tag
        assert len(verifier) == 33
        assert b"secret" not in verifier


def test_a_short_pepper_is_refused() -> None:
    """A pepper below 256 bits cannot be used by mistake."""
    with pytest.raises(ValueError, match="32 bytes"):
        Pepper(b"short")
