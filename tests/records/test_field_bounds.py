"""The fields that people fill in, at the edges of what each may be."""

from collections.abc import Callable
from typing import Any

import pytest

from clientry.errors import BadRequest
from clientry.records.client import relabelled
from clientry.records.field import (
    clean_duration,
    clean_email,
    clean_label_filter,
    clean_labels,
    clean_moment,
    clean_products,
    clean_text,
    clean_token_lifetime,
    ensure_future,
)


def labels(count: int) -> dict[str, str | None]:
    return {f"key{number}": "value" for number in range(count)}


def email(length: int) -> str:
    return "a" * (length - len("@b.example")) + "@b.example"


EDGES: dict[str, tuple[Callable[[Any], object], list[Any], list[Any]]] = {
    "name": (lambda text: clean_text("f", text), ["x", "x" * 255, "  " + "é" * 255 + "\t"], ["", " ", "x" * 256]),
    "email": (lambda text: clean_email("f", text), ["a@b", email(254)], ["@b", "a@", email(255)]),
    "token lifetime": (
        lambda value: clean_token_lifetime("f", value),
        [300, 63_072_000, "1h", "24h", "30d", "24mo"],
        [299, 63_072_001, 0, -300, "2h", ""],
    ),
    "duration": (lambda value: clean_duration("f", value, 60, 600), [60, 600], [59, 601, "1h", "x"]),
    "moment": (
        lambda text: clean_moment("f", text),
        ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2030-01-31T09:30:00+01:00"],
        ["1969-12-31T23:59:59Z", "2030-01-31T09:30:00", "9999-12-31T23:59:59-00:01", "2030-02-30T00:00:00Z", ""],
    ),
    "future": (lambda seconds: ensure_future("f", seconds, 100.5), [101], [100, 0]),
    "label": (
        lambda pair: clean_labels("f", dict([pair])),
        [("k", "v"), ("k" * 63, "v" * 127), ("A.z_/-9", ":"), ("k", None)],
        [("", "v"), ("k" * 64, "v"), ("k", "v" * 128), ("k", ""), ("k", "a,b"), ("k:", "v"), ("k", "\n"), ("é", "v")],
    ),
    "number of labels": (lambda count: relabelled((), labels(count)), [0, 1, 32], [33]),
    "label filter": (
        lambda count: clean_label_filter("f", ",".join(f"{key}:value" for key in labels(count))), [1, 32], [0, 33],
    ),
}  # fmt: skip
"""Field to its rule, what it accepts at its edges, and what it refuses right beyond them."""


@pytest.mark.parametrize("field", EDGES)
def test_a_field_is_accepted_up_to_its_edge_and_no_further(field: str) -> None:
    """The shortest, longest, first and last are good; one more or less is refused, and the field is named."""
    rule, good, bad = EDGES[field]
    for value in good:
        rule(value)
    for value in bad:
        with pytest.raises(BadRequest, match=r"^(f|labels)\b"):
            rule(value)


def test_the_names_of_durations_mean_what_they_say() -> None:
    """1h is an hour to the second, and so on, for secrets and for tokens."""
    hour, day = 60 * 60, 24 * 60 * 60
    durations = {"1h": hour, "24h": day, "7d": 7 * day, "30d": 30 * day}
    lifetimes = {"1h": hour, "24h": day, "30d": 30 * day, "24mo": 730 * day}
    assert {name: clean_duration("f", name, 0, 2_592_000) for name in durations} == durations
    assert {name: clean_token_lifetime("f", name) for name in lifetimes} == lifetimes


def test_products_are_known_and_named_once() -> None:
    """Duplicates are dropped in order; an unknown one is told by its place, with those that there are, and never by its text."""
    assert clean_products("f", ["b", "a", "b"], ("a", "b")) == ("b", "a")
    assert clean_products("f", [], ()) == ()
    for names, known, place, told in ((["a", "b", "cs_x"], ("a", "b"), 2, "a, b"), (["cs_x"], (), 0, "none")):
        with pytest.raises(BadRequest, match=rf"^f\[{place}\] is not a known product\. Known are: {told}\.$"):
            clean_products("f", names, known)
