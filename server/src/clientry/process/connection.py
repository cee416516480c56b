"""One HTTP/1.1 connection as a state machine: bytes and times go in, requests and refusals come out; no input or output here.

Rule 1: requests are answered one after the other; what comes behind the request under way waits, within its bound, unread.
Rule 2: every change of state sets the deadline of the new state.
Rule 3: what was refused, or answered before its whole body was read, is the last on its connection.

An `Upgrade` is ignored, and so is HTTP/2 by prior knowledge: whatever a message offers, its body is where its framing says.

    new ──► head ──► body ──► answering ──► kept ──► head …
              │        │          │ ▲         │
              │        │          ▼ │         ▼
              │        │        writing     closing ──► closed
              └────────┴──► dropping ─────────▲
"""

from typing import Final

from clientry.process.chunks import Chunks
from clientry.process.events import Event, Gone, More, Refusal, Request
from clientry.process.head import Head, Refused, check_beginning, path_of, read_head
from clientry.process.states import (
    ANSWER_TIME,
    LAST_WORD_TIME,
    MAX_DROPPED,
    MAX_HEAD,
    MAX_PIPELINED,
    RULES,
    Late,
    State,
    Times,
)

_BLANK: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"

_GONE: Final = Gone()
_TOO_LARGE: Final = f"The request line and headers have more than {MAX_HEAD} bytes."
_TOO_SLOW: Final = "The request line and headers did not arrive in time."
_CUT_OFF: Final = "The request ended in the middle of its head."
_TOO_MANY: Final = Refusal(400, f"More than {MAX_PIPELINED} bytes were sent before an earlier request was answered.")

# Members of an enumeration are looked up slowly, and these are looked up several times for each request.
_NEW, _HEAD, _BODY, _ANSWERING, _KEPT = State.NEW, State.HEAD, State.BODY, State.ANSWERING, State.KEPT


class Connection:
    """A connection.

    Args:
        times: what the operator sets of its times.
        now: seconds on a clock that only goes forward; so are all other times here.
        secure: it begins with a TLS handshake.

    Attributes:
        state: what it is doing.
        deadline: when that has lasted too long.
        is_full: no more bytes may be kept: whoever feeds it stops reading until a request was answered.
    """

    __slots__ = (
        "_chunks",
        "_dropped",
        "_has_ended",
        "_last_head",
        "_last_raw",
        "_left",
        "_received",
        "_scanned",
        "_times",
        "deadline",
        "is_full",
        "state",
    )

    _last_head: Head

    def __init__(self, times: Times, now: float, *, secure: bool = False) -> None:
        self._times = times
        self._received = b""
        self._scanned = 0
        self._left = 0
        self._chunks: Chunks | None = None
        self._last_raw: bytes | None = None
        self._has_ended = False
        self._dropped = 0
        self.is_full = False
        self._enter(State.SHAKING_HANDS if secure else State.NEW, now)

    @property
    def awaits_body(self) -> bool:
        """Whether a part of the body of the request under way has not arrived."""
        return self._left > 0 or self._chunks is not None

    @property
    def held(self) -> int:
        """Bytes that are kept here."""
        return len(self._received)

    def secured(self) -> None:
        """Begin with HTTP: TLS is agreed on. The first request has what is left of the time."""
        self.state = State.NEW

    def receive(self, data: bytes, now: float) -> Event | None:
        """Take what was received, and return what it means; None: nothing yet."""
        state = self.state
        if state is _KEPT or state is _NEW:
            self._received = data
            return self._read_head(now)
        if state is _HEAD:
            self._received += data
            return self._read_head(now)
        if state in (State.BODY, State.ANSWERING, State.WRITING):
            if self.awaits_body:
                return self._read_body(data, now)
            self._keep(data)
        elif state is State.DROPPING:
            self._dropped += len(data)
            if self._dropped > MAX_DROPPED:
                self._enter(State.CLOSING, now)
        return None

    def ended(self, now: float) -> Event | None:
        """Take note that the client sends no more; a request that it has sent whole is answered all the same."""
        match self.state:
            case State.HEAD:
                return self._refuse(Refusal(400, _CUT_OFF, path_of(self._received)), now)
            case State.BODY:
                self._enter(State.CLOSING, now)
                return _GONE
            case State.ANSWERING | State.WRITING:
                self._has_ended = True
                return _GONE if self.awaits_body else None
            case State.CLOSED:
                return None
            case _:
                self._enter(State.CLOSING, now)
                return None

    def answered(self, now: float, *, keep_alive: bool) -> Event | None:
        """Go on after a whole answer was sent; return what comes next: perhaps the next request has arrived already."""
        if self._has_ended:
            self.close(now)
        elif self.awaits_body or not keep_alive:
            more_may_come = self.awaits_body or self.is_full or self._received
            self.drop(now) if more_may_come else self.close(now)
        elif self.is_full:
            return self._refuse(_TOO_MANY, now)
        else:
            self.state = _KEPT
            self.deadline = now + self._times.keep_alive
            return self._read_head(now) if self._received else None
        return None

    def goes_on(self, now: float) -> None:
        """Begin the state anew: a part of the answer was sent, or read by the client."""
        if self.state in (State.ANSWERING, State.WRITING, State.CLOSING):
            self._enter(self.state, now)

    def blocked(self, now: float) -> None:
        """Wait for the client, which does not read as fast as it is answered."""
        if self.state in (State.ANSWERING, State.BODY):
            self._enter(State.WRITING, now)

    def unblocked(self, now: float) -> None:
        """Go on: the client has read."""
        if self.state is State.WRITING:
            self._enter(State.BODY if self.awaits_body else State.ANSWERING, now)

    def drain(self, now: float) -> None:
        """Close if nothing was asked, because the server is ending; a new connection has a moment to ask."""
        if self.state is State.KEPT:
            self.close(now)
        elif self.state is State.NEW:
            self.deadline = min(self.deadline, now + LAST_WORD_TIME)

    def drop(self, now: float) -> None:
        """Throw away what still comes: the last answer was sent."""
        self._received = b""
        self._enter(State.DROPPING, now)

    def close(self, now: float) -> None:
        """Read no more."""
        self._received = b""
        self._enter(State.CLOSING, now)

    def closed(self) -> None:
        """End."""
        self._received = b""
        self.state = State.CLOSED
        self.deadline = float("inf")

    def late(self, now: float) -> Refusal | Late:
        """Return what is to be done because the deadline has passed."""
        match RULES[self.state].late:
            case Late.REFUSE:
                refusal = Refusal(400, _TOO_SLOW, path_of(self._received))
                self.close(now)  # it is silent: there is nothing to throw away
                return refusal
            case Late.CLOSE:
                self.close(now)
                return Late.CLOSE
            case Late.TELL:
                self._enter(State.ANSWERING, now)
                return Late.TELL
            case Late.ABORT:
                self.closed()
                return Late.ABORT

    def _enter(self, state: State, now: float) -> None:
        seconds = RULES[state].seconds
        self.state = state
        self.deadline = float("inf") if seconds is None else now + seconds(self._times)

    def _refuse(self, refusal: Refusal, now: float) -> Refusal:
        self.drop(now)
        return refusal

    def _keep(self, data: bytes) -> None:
        if not self.is_full:
            self._received += data
            if len(self._received) > MAX_PIPELINED:
                self._received = b""
                self.is_full = True

    def _read_head(self, now: float) -> Event | None:
        received = self._received
        # RFC 9112 section 2.2: one empty line before a request is ignored.
        start = 2 if received.startswith(_BLANK) else 0
        end = received.find(_HEAD_END, max(start, self._scanned - 3))
        try:
            if 0 <= end <= MAX_HEAD:
                self._scanned = 0
                raw = received[start:end]
                # A client that asks again sends the same head again: reading it costs as much as all else that is done here.
                if raw != self._last_raw:
                    self._last_head, self._last_raw = read_head(raw), raw
                return self._begin(self._last_head, received[end + 4 :], now)
            if end >= 0 or len(received) >= MAX_HEAD + len(_HEAD_END):
                raise Refused(_TOO_LARGE)
            check_beginning(received, start, max(start, self._scanned - 1))
        except Refused as refused:
            return self._refuse(Refusal(refused.status, refused.reason, path_of(received[:MAX_HEAD])), now)
        self._scanned = len(received)
        if self.state is not _HEAD:
            self._enter(State.HEAD, now)
        return None

    def _begin(self, head: Head, rest: bytes, now: float) -> Request:
        """Begin a request, and take of the rest what is of its body."""
        self._received = b""
        self._chunks = Chunks() if head.length is None else None
        self._left = head.length or 0
        body, is_whole = self._take(rest)
        if is_whole:
            self.state = _ANSWERING
            self.deadline = now + ANSWER_TIME
        else:
            self._enter(_BODY, now)
        return Request(head, body, is_whole)

    def _read_body(self, data: bytes, now: float) -> Event | None:
        try:
            body, is_whole = self._take(data)
        except Refused as refused:
            return self._refuse(Refusal(refused.status, refused.reason, self._last_head.path), now)
        if is_whole and self.state is _BODY:
            self._enter(_ANSWERING, now)
        return More(body, is_whole) if body or is_whole else None

    def _take(self, data: bytes) -> tuple[bytes, bool]:
        """Return what of the data is of the body, and whether that was the last of it; the rest waits."""
        if self._chunks is not None:
            body, rest = self._chunks.feed(data)
            is_whole = self._chunks.is_whole
            if is_whole:
                self._chunks = None
        else:
            left = self._left
            body, rest = (data, b"") if len(data) <= left else (data[:left], data[left:])
            self._left = left = left - len(body)
            is_whole = not left
        if rest:
            self._keep(rest)
        return body, is_whole
