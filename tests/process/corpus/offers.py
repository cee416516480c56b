"""What a client offers and expects: upgrades, RFC 9110 section 7.8, and expectations, section 10.1.1."""

from tests.process.corpus.entry import (
    CHUNKED,
    FORM,
    HIDDEN,
    MUST,
    STRICT,
    Entry,
    get,
    in_chunks,
    length,
    post,
    seen,
)

_H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
_WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)

_MUCH = HIDDEN + b"a" * 40_000
_BEHIND_A_BUFFER = b"a" * 32_768 + HIDDEN
"""nginx sends a large body in parts of this size: the hidden request begins a packet."""

UPGRADES = tuple(
    Entry(
        f"{kind}-{name}",
        "9110 7.8",
        STRICT,
        "An upgrade is ignored, and the body is one.",
        raw + get(),
        answers,
        False,
        told,
        unread=unread,
    )
    for kind, offer in (("h2c", _H2C), ("websocket", _WEBSOCKET))
    for name, raw, answers, told, unread in (
        ("without-body", get(offer), (404, 404), seen("GET", "GET"), False),
        ("with-length", post(offer + length(FORM), FORM), (200, 404), seen("GET"), False),
        ("with-chunks", post(offer + CHUNKED, in_chunks(FORM)), (200, 404), seen("GET"), False),
        ("hides-a-request", post(offer + length(HIDDEN), HIDDEN), ((400, 401), 404), seen("GET"), False),
        ("hides-a-request-in-chunks", post(offer + CHUNKED, in_chunks(HIDDEN)), ((400, 401), 404), seen("GET"), False),
        ("hides-a-request-before-much", post(offer + length(_MUCH), _MUCH), ((400, 401), 404), seen("GET"), False),
        (
            "hides-a-request-behind-a-buffer",
            get(offer + length(_BEHIND_A_BUFFER), method=b"POST") + _BEHIND_A_BUFFER,
            (404, 404),
            seen("POST", "GET"),
            True,
        ),
        ("of-get-hides-a-request", get(offer + length(HIDDEN)) + HIDDEN, (404, 404), seen("GET", "GET"), True),
        (
            "of-unknown-path-hides-a-request",
            get(offer + length(HIDDEN), method=b"POST") + HIDDEN,
            (404, 404),
            seen("POST", "GET"),
            True,
        ),
    )
)

EXPECTATIONS = (
    Entry(
        "expect-continue",
        "9110 10.1.1",
        MUST,
        "What waits for 100 is served.",
        post(b"Expect: 100-continue\r\n" + length(FORM), FORM),
        (200,),
        False,
    ),
    Entry(
        "expect-continue-in-capitals",
        "9110 10.1.1",
        MUST,
        "Expectations are compared in any case.",
        post(b"EXPECT: 100-Continue\r\n" + length(FORM), FORM),
        (200,),
        False,
    ),
    Entry(
        "expect-continue-without-body",
        "9110 10.1.1",
        MUST,
        "Without a body there is nothing to wait for.",
        get(b"Expect: 100-continue\r\n"),
        (404,),
        False,
        seen("GET"),
    ),
    Entry(
        "expect-continue-in-1.0",
        "9110 10.1.1",
        MUST,
        "HTTP/1.0 has no expectations.",
        post(b"Expect: 100-continue\r\n" + length(FORM), FORM, b"HTTP/1.0"),
        (200,),
        True,
    ),
    Entry(
        "expect-other",
        "9110 10.1.1",
        STRICT,
        "An unknown expectation is told so.",
        post(b"Expect: 200-ok\r\n" + length(FORM), FORM),
        (417,),
        True,
    ),
    Entry(
        "expect-continue-and-other",
        "9110 10.1.1",
        STRICT,
        "Every expectation is met or none.",
        post(b"Expect: 100-continue, x=y\r\n" + length(FORM), FORM),
        (417,),
        True,
    ),
    Entry(
        "expect-continue-longer",
        "9110 10.1.1",
        STRICT,
        "A longer word is another one.",
        post(b"Expect: 100-continued\r\n" + length(FORM), FORM),
        (417,),
        True,
    ),
)

ENTRIES = UPGRADES + EXPECTATIONS
