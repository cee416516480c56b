"""Print docs/reference/connections.md from the table of the states of a connection."""

from clientry.process.chunks import MAX_CHUNK_LINE, MAX_EXTENSIONS, MAX_TRAILERS
from clientry.process.shared import CROWD, OVERLOAD_PAUSE
from clientry.process.states import RULES, Late, Rule, State, Times
from clientry.settings import SETTINGS

ENDS = {
    Late.CLOSE: "it is closed",
    Late.REFUSE: "400, and it is closed",
    Late.TELL: "400, in the form of the operation, and it is closed",
    Late.ABORT: "it is broken off",
}
MEANING = {
    State.SHAKING_HANDS: "TLS is not agreed on",
    State.NEW: "nothing was sent yet",
    State.HEAD: "a part of the request line and headers was sent",
    State.BODY: "the headers were sent, the body was not",
    State.ANSWERING: "the whole request was sent, and is being answered",
    State.WRITING: "the client does not read as fast as it is answered",
    State.KEPT: "a request was answered, and nothing was sent since",
    State.DROPPING: "the last answer was sent; what still comes is thrown away, so that the client can read it",
    State.CLOSING: "the server has closed, and the client has not read everything",
}


PAGE = """\
# Connections

Every state of a connection has an end, and a bound on what is kept of what was sent. The times below are those of the default
settings: `header_timeout`, `body_timeout` and `keep_alive` change them.

| state | what it means | seconds | then | bytes kept |
|---|---|---|---|---|
{rows}

While a client reads something of its answer, the time to read it begins anew.

**Requests on one connection** are answered one after the other. What is sent beyond the bound before an earlier request was
answered is refused with 400 after that answer. What is answered before its body was read ends its connection.

**Too many connections**: beyond `max_connections` requests are answered 503 with `Retry-After`, after a pause of {pause:g} seconds;
beyond {crowd} times as many, connections are broken off unheard. Connections that are agreeing on TLS count.

**What is refused** with 400 and the end of the connection, because a proxy in front might read it in another way: a
Transfer-Encoding other than exactly `chunked`, in HTTP/1.0, or beside a Content-Length; more than one Content-Length, Host,
Authorization or Content-Type; no Host in HTTP/1.1; an absolute target whose host is not the Host; fragments, control characters
and anything but ASCII in targets; other protocols than HTTP/1.0 and HTTP/1.1; CONNECT; folded header lines and line ends other
than CR LF. Expectations other than `100-continue` are answered 417. An `Upgrade` is ignored.

**Bodies in chunks**: the line of a chunk has at most {line} bytes, the extensions of a body at most {extensions:,}, its trailers at
most {trailers:,}. Extensions are ignored, and trailers are dropped.
"""


def page() -> str:
    """Return the page."""
    defaults = {setting.name: setting.default for setting in SETTINGS}
    times = Times(*(float(str(defaults[name])) for name in ("header_timeout", "body_timeout", "keep_alive")))
    return PAGE.format(
        rows="\n".join(_row(state, RULES[state], times) for state in MEANING),
        pause=OVERLOAD_PAUSE,
        crowd=CROWD,
        line=MAX_CHUNK_LINE,
        extensions=MAX_EXTENSIONS,
        trailers=MAX_TRAILERS,
    )


def _row(state: State, rule: Rule, times: Times) -> str:
    seconds = "" if rule.seconds is None else f"{rule.seconds(times):g}"
    return f"| {state.value} | {MEANING[state]} | {seconds} | {ENDS[rule.late]} | {rule.held:,} |"


if __name__ == "__main__":
    print(page(), end="")
