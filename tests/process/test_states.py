"""Every state of a connection against silence, halves, floods, resets and half-closes: the table of the machine, walked."""

from collections.abc import Callable

import pytest

from clientry.process.connection import Connection
from clientry.process.events import Gone, Refusal, Request
from clientry.process.states import MAX_DROPPED, RULES, Late, State, Times

TIMES = Times(header=10, body=20, keep_alive=75)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
READ = 65_536
"""Bytes of one read: what a machine may hold beyond its bound until it has looked at them."""


def new() -> Connection:
    return Connection(TIMES, 0.0)


def after(*received: bytes) -> Connection:
    connection = new()
    for data in received:
        connection.receive(data, 0.0)
    return connection


def kept() -> Connection:
    connection = after(GET)
    connection.answered(0.0, keep_alive=True)
    return connection


def writing() -> Connection:
    connection = after(GET)
    connection.blocked(0.0)
    return connection


def dropping() -> Connection:
    connection = after(POST)
    connection.answered(0.0, keep_alive=True)
    return connection


def closing() -> Connection:
    connection = new()
    connection.close(0.0)
    return connection


def closed() -> Connection:
    connection = new()
    connection.closed()
    return connection


REACHED: dict[State, Callable[[], Connection]] = {
    State.SHAKING_HANDS: lambda: Connection(TIMES, 0.0, secure=True),
    State.NEW: new,
    State.HEAD: lambda: after(b"GET / HT"),
    State.BODY: lambda: after(POST),
    State.ANSWERING: lambda: after(GET),
    State.WRITING: writing,
    State.KEPT: kept,
    State.DROPPING: dropping,
    State.CLOSING: closing,
    State.CLOSED: closed,
}

each_state = pytest.mark.parametrize("state", State, ids=lambda state: state.value)


@each_state
def test_every_state_is_in_the_table_and_can_be_reached(state: State) -> None:
    """No state is without a rule, nor without a way to it in these tests: a new one must be given both."""
    assert state in RULES
    assert REACHED[state]().state is state


@each_state
def test_every_state_but_the_last_has_a_deadline(state: State) -> None:
    """The deadline of a state is the one of its rule, counted from when it was entered."""
    seconds = RULES[state].seconds
    assert (seconds is None) is (state is State.CLOSED)
    assert REACHED[state]().deadline == (float("inf") if seconds is None else seconds(TIMES))


def end_of(connection: Connection, sent: bytes = b"") -> float:
    """Let time pass until a connection is closed, and return how long that took; something may be sent each half second."""
    now = 0.0
    while connection.state is not State.CLOSED:
        now += 0.5
        if sent:
            connection.receive(sent, now)
        if connection.deadline < now:
            connection.late(now)
        assert now < 1000
    return now


LONGEST = sum(rule.seconds(TIMES) for rule in RULES.values() if rule.seconds)


@each_state
def test_silence_ends_every_state(state: State) -> None:
    """A client that says nothing more loses its connection by the deadline of its state, told so where it had begun to ask."""
    connection = REACHED[state]()
    if state is State.CLOSED:
        return
    what = connection.late(connection.deadline + 0.1)
    match RULES[state].late:
        case Late.REFUSE:
            assert isinstance(what, Refusal)
            assert what.status == 400
        case Late.TELL:
            assert connection.state is State.ANSWERING
            connection.answered(connection.deadline, keep_alive=True)
        case other:
            assert what is other
    assert connection.state in (State.DROPPING, State.CLOSING, State.CLOSED)
    assert end_of(connection) <= LONGEST


@each_state
def test_halves_do_not_keep_a_connection_alive(state: State) -> None:
    """A client that sends a byte twice a second holds its connection no longer than the deadlines of the table together."""
    connection = REACHED[state]()
    assert end_of(connection, b"x") <= LONGEST


@each_state
def test_a_flood_is_kept_within_the_bound(state: State) -> None:
    """However much is sent, no more is kept than the bound of the state, and what is over it ends reading or the connection."""
    connection = REACHED[state]()
    for _ in range(2 * MAX_DROPPED // READ):
        event = connection.receive(b"a" * READ, 0.0)
        assert connection.held <= max(rule.held for rule in RULES.values())
        if isinstance(event, Request):
            raise AssertionError("a flood is no request")
    assert connection.is_full or connection.state in (State.DROPPING, State.CLOSING, State.CLOSED, State.SHAKING_HANDS)


@each_state
def test_a_reset_ends_every_state(state: State) -> None:
    """A connection that is lost keeps nothing, waits for nothing, and answers nothing."""
    connection = REACHED[state]()
    connection.closed()
    assert (connection.state, connection.held, connection.deadline) == (State.CLOSED, 0, float("inf"))
    assert connection.receive(GET, 1.0) is None
    assert connection.ended(1.0) is None


@each_state
def test_a_half_close_ends_what_is_not_a_whole_request(state: State) -> None:
    """A client that sends no more is still answered when its request came whole; everything else ends."""
    connection = REACHED[state]()
    event = connection.ended(1.0)
    if state in (State.ANSWERING, State.WRITING):
        assert event is None
        connection.unblocked(2.0)
        connection.answered(2.0, keep_alive=True)
    if state is State.BODY:
        assert isinstance(event, Gone)
    if state is State.HEAD:
        assert isinstance(event, Refusal)
    assert connection.state in (State.DROPPING, State.CLOSING, State.CLOSED)
    assert end_of(connection) <= LONGEST


def test_the_whole_time_of_a_head_counts_from_its_first_byte() -> None:
    """On a connection that was used before, a head has its own time, not what is left of the time for being idle."""
    connection = kept()
    connection.receive(b"GET / HTTP/1.1\r\n", 50.0)
    assert connection.deadline == 50.0 + TIMES.header
    connection.receive(b"Host: x\r\n", 59.0)
    assert connection.deadline == 50.0 + TIMES.header
    assert isinstance(connection.late(60.1), Refusal)


def test_the_last_request_of_a_pipeline_is_told_that_there_were_too_many() -> None:
    """What is sent beyond the bound before an answer is refused after that answer, and the connection ends."""
    connection = after(GET)
    connection.receive(GET * 1000, 0.0)
    assert connection.is_full
    event = connection.answered(0.0, keep_alive=True)
    assert isinstance(event, Refusal)
    assert event.status == 400
    assert connection.state is State.DROPPING


def test_requests_behind_each_other_are_read_one_after_the_other() -> None:
    """Of 16 requests in one packet the next is read when the one before was answered."""
    connection = new()
    events = [connection.receive(GET * 16, 0.0)]
    events += [connection.answered(0.0, keep_alive=True) for _ in range(15)]
    assert [type(event) for event in events] == [Request] * 16
    assert connection.answered(0.0, keep_alive=True) is None
    assert connection.state is State.KEPT


def test_nothing_that_is_behind_an_upgrade_is_another_request() -> None:
    """The body of a request that offers an upgrade is where its Content-Length says, and hides nothing."""
    hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    offer = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(
        hidden
    )
    connection = new()
    event = connection.receive(offer + hidden, 0.0)
    assert isinstance(event, Request)
    assert (event.body, event.is_whole) == (hidden, True)
    assert connection.answered(0.0, keep_alive=True) is None
    assert connection.state is State.KEPT
