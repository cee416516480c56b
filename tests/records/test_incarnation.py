"""When a database went back, as a rule over what was known and what is there."""

import pytest

from clientry.records.incarnation import (
    MAX_EARLIER,
    EventPlace,
    HighWaterMark,
    Incarnation,
    Standing,
    raised,
    went_back,
)

EVENT = EventPlace("acct_a", 7, b"\1" * 32)
LATER = EventPlace("acct_a", 8, b"\2" * 32)
MARK = HighWaterMark("one", ("before",), (EVENT,), ("key",))


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (Standing(Incarnation("one", LATER), (EVENT,), ("key", "newer")), None),
        (Standing(Incarnation("one"), (EVENT,), ("key",)), None),
        (Standing(Incarnation("two"), (), ()), None),
        (Standing(Incarnation("one"), (), ("key",)), "audit event 7 of acct_a"),
        (Standing(Incarnation("one"), (EVENT,), ("newer",)), "signing key key"),
        (Standing(Incarnation("before"), (EVENT,), ("key",)), "incarnation before again"),
    ],
)
def test_what_shows_that_a_database_went_back(now: Standing, shown: str | None) -> None:
    """A lost event, a lost signing key, an incarnation that was over; a new incarnation is none, nor is more than was known."""
    reason = went_back(MARK, now)
    assert reason is None if shown is None else shown in str(reason)


def test_a_mark_is_raised() -> None:
    """It takes in what others wrote and what this process wrote, and remembers an incarnation that is over, within a bound."""
    first = raised(None, Standing(Incarnation("one"), (), ("key",)), None)
    assert first == HighWaterMark("one", (), (), ("key",))
    second = raised(first, Standing(Incarnation("one", EVENT), (LATER,), ("key",)), LATER)
    assert second.events == (LATER, EVENT)
    assert raised(second, Standing(Incarnation("one"), (LATER,), ("key",)), None).events == (LATER, EVENT)
    third = raised(second, Standing(Incarnation("two", EVENT), (), ("other",)), None)
    assert third == HighWaterMark("two", ("one",), (EVENT,), ("other",))
    assert raised(second, Standing(Incarnation("two"), (), ()), None).events == ()
    mark = third
    for number in range(MAX_EARLIER + 5):
        mark = raised(mark, Standing(Incarnation(str(number)), (), ()), None)
    assert len(mark.earlier) == MAX_EARLIER
    assert mark.earlier[-1] == str(MAX_EARLIER + 3)
