"""Client secrets: their form, their strength, and what is kept of them."""

import re
import timeit
import zlib

from hypothesis import given
from hypothesis import strategies as st

from clientry.randomness import SystemRandom
from clientry.records import secret
from clientry.records.secret import MAX_LENGTH, ClientSecret


class Fixed:
    """A source of the bytes that it was given."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def bytes(self, count: int) -> bytes:
        assert count == len(self._octets)
        return self._octets


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_n01_a_secret_holds_all_of_its_256_random_bits(one: bytes, other: bytes) -> None:
    """Different random bytes give different secrets of one form: 43 base62 digits hold 256 bits."""
    first, second = secret.generate(Fixed(one)), secret.generate(Fixed(other))
    assert (first == second) is (one == other)
    assert re.fullmatch(r"cs_[0-9A-Za-z]{49}", first)
    assert secret.is_well_formed(first)
    assert secret.hint(first) == first[-4:]
    assert 62**43 > 2**256


def test_the_last_six_digits_are_the_checksum_of_the_rest() -> None:
    """A scanner can check a secret offline with CRC-32 and base62 alone."""
    text = secret.generate(SystemRandom(), "acme_")
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    value = 0
    for character in text[-6:]:
        value = value * 62 + digits.index(character)
    assert value == zlib.crc32(text[:-6].encode())


@given(st.data())
def test_a_typo_is_told_from_a_secret(data: st.DataObject) -> None:
    """One changed, lost or added character makes a secret ill-formed."""
    text = secret.generate(Fixed(data.draw(st.binary(min_size=32, max_size=32))))
    place = data.draw(st.integers(3, len(text) - 1))
    other = data.draw(st.sampled_from("0aZ-").filter(lambda character: character != text[place]))
    assert not secret.is_well_formed(text[:place] + other + text[place + 1 :])
    assert not secret.is_well_formed(text[:place] + text[place + 1 :])
    assert not secret.is_well_formed(text[:place] + other + text[place:])


def test_judging_the_form_of_a_long_text_costs_no_more_than_of_a_secret() -> None:
    """A text of 65,000 letters is refused by its length: matching it would hold up whoever else is served."""
    good = secret.generate(SystemRandom(), "p" * 16)
    assert len(good) == MAX_LENGTH
    long = ["a" * 65_000, "a" * 64_999 + "!", good + "a", "_" * 65_000]

    def cost(texts: list[str]) -> float:
        def once() -> None:
            for text in texts:
                secret.is_well_formed(text)

        return min(timeit.repeat(once, number=200, repeat=20))

    assert not any(secret.is_well_formed(text) for text in long)
    assert secret.is_well_formed(good)
    assert cost(long) < 3 * cost([good] * len(long))


def test_a_secret_ends_at_its_expiry() -> None:
    """A secret is live before the second of its expiry and dead from it on."""
    kept = ClientSecret("secret_1", "apiclient_1", b"", "abcd", 0, expires_at=100)
    assert kept.is_live(99.999)
    assert not kept.is_live(100)
