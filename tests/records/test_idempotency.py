"""Kept answers: what opens one, and what does not."""

from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidTag

from clientry.randomness import SystemRandom
from clientry.records.idempotency import AnswerKey, AnswerKeys

KEYS = AnswerKeys(naming=bytes(32), sealing=bytes([1]) * 32)
REQUEST = ("apiclient_a", "acct_a", "/v1/clients", "key-1")
SEALED = KEYS.key(*REQUEST).seal(b"an answer", SystemRandom())


def test_a_kept_answer_opens_for_its_request() -> None:
    """The same request under the same keys opens it; so what follows fails for its change alone."""
    assert KEYS.key(*REQUEST).open(SEALED) == b"an answer"
    assert b"an answer" not in SEALED


def moved() -> AnswerKey:
    """Return the right sealing key for an answer that stands under another digest."""
    right, elsewhere = KEYS.key(*REQUEST), KEYS.key("apiclient_b", *REQUEST[1:])
    elsewhere._cipher = right._cipher
    return elsewhere


@pytest.mark.parametrize(
    "wrong",
    [
        moved,
        lambda: AnswerKeys(KEYS.naming, bytes([2]) * 32).key(*REQUEST),
        lambda: AnswerKeys(bytes([2]) * 32, KEYS.sealing).key(*REQUEST),
        lambda: AnswerKeys(KEYS.sealing, KEYS.naming).key(*REQUEST),
        *[
            lambda at=at: KEYS.key(*REQUEST[:at], REQUEST[at] + "x", *REQUEST[at + 1 :])  # type: ignore[misc]
            for at in range(len(REQUEST))
        ],
    ],
    ids=[
        "another digest",
        "another sealing key",
        "another naming key",
        "exchanged",
        "client",
        "account",
        "path",
        "key",
    ],
)
def test_a_kept_answer_opens_for_nothing_else(wrong: Callable[[], AnswerKey]) -> None:
    """Not where it was moved to another digest, not under one of the two keys alone, not for another request."""
    with pytest.raises(InvalidTag):
        wrong().open(SEALED)


def test_both_keys_are_in_every_kept_answer() -> None:
    """The digest is made under the naming key and the seal under another one: neither says anything about the other."""
    other = AnswerKeys(bytes([2]) * 32, KEYS.sealing)
    assert other.key(*REQUEST).digest != KEYS.key(*REQUEST).digest
    assert AnswerKeys(KEYS.naming, bytes([2]) * 32).key(*REQUEST).digest == KEYS.key(*REQUEST).digest
