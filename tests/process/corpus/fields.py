"""Header fields: RFC 9112 sections 3.2, 5 and 6.2, RFC 9110 sections 5, 7.2 and 8.6."""

from tests.process.corpus.entry import CHUNKED, HIDDEN, MUST, STRICT, TAG, TOKEN, Entry, get, length, post, seen

_LINE = b"GET /%b HTTP/1.1\r\n" % TAG

_BAD_FIELDS: dict[str, tuple[str, str, str, bytes]] = {
    "folded": ("9112 5.2", MUST, "A folded field is refused.", b"X: a\r\n b\r\n"),
    "folded-by-tab": ("9112 5.2", MUST, "A folded field is refused.", b"X: a\r\n\tb\r\n"),
    "folded-length": ("9112 5.2", MUST, "A field is not folded into another.", b"X: a\r\n Content-Length: 5\r\n"),
    "space-before-colon": ("9112 5.1", MUST, "No space between name and colon.", b"X : a\r\n"),
    "tab-before-colon": ("9112 5.1", MUST, "No tab between name and colon.", b"X\t: a\r\n"),
    "no-colon": ("9112 5", MUST, "A field has a colon.", b"X\r\n"),
    "empty-name": ("9112 5", MUST, "A field has a name.", b": a\r\n"),
    "space-in-name": ("9110 5.1", MUST, "A name is a token.", b"X Y: a\r\n"),
    "parenthesis-in-name": ("9110 5.1", MUST, "A name is a token.", b"X(Y: a\r\n"),
    "bracket-in-name": ("9110 5.1", MUST, "A name is a token.", b"X[Y]: a\r\n"),
    "at-in-name": ("9110 5.1", MUST, "A name is a token.", b"X@Y: a\r\n"),
    "slash-in-name": ("9110 5.1", MUST, "A name is a token.", b"X/Y: a\r\n"),
    "quote-in-name": ("9110 5.1", MUST, "A name is a token.", b'X"Y": a\r\n'),
    "nul-in-name": ("9110 5.1", MUST, "A name is a token.", b"X\0Y: a\r\n"),
    "control-in-name": ("9110 5.1", MUST, "A name is a token.", b"X\x0bY: a\r\n"),
    "delete-in-name": ("9110 5.1", MUST, "A name is a token.", b"X\x7f: a\r\n"),
    "utf-8-in-name": ("9110 5.1", MUST, "A name is ASCII.", b"X\xc3\xa9: a\r\n"),
    "no-break-space-in-name": ("9112 5.1", MUST, "No space of any kind before the colon.", b"X\xa0: a\r\n"),
    "nul-in-value": ("9110 5.5", MUST, "NUL is dangerous.", b"X: a\0b\r\n"),
    "bare-cr-in-value": ("9112 2.2", MUST, "A bare CR is malformed.", b"X: a\rb\r\n"),
    "bare-cr-hides-a-field": ("9112 2.2", MUST, "A bare CR ends no line.", b"X: a\rContent-Length: 5\r\n"),
    "control-in-value": ("9110 5.5", STRICT, "A value has no control characters.", b"X: a\x01b\r\n"),
    "escape-in-value": ("9110 5.5", STRICT, "A value has no control characters.", b"X: a\x1bb\r\n"),
    "delete-in-value": ("9110 5.5", STRICT, "A value has no control characters.", b"X: a\x7fb\r\n"),
    "lf-ends-a-line": ("9112 2.2", STRICT, "A bare LF ends no line.", b"X: a\nY: b\r\n"),
    "lf-hides-a-field": ("9112 2.2", STRICT, "A bare LF ends no line.", b"X: a\nContent-Length: 5\r\n"),
    "lf-ends-the-head": ("9112 2.2", STRICT, "A bare LF ends no head.", b"X: a\r\n\n"),
    "lf-lf-ends-the-head": ("9112 2.2", STRICT, "Two bare LF end no head.", b"X: a\n\n"),
    "cr-cr-lf": ("9112 2.2", MUST, "A bare CR before a line's end is malformed.", b"X: a\r\r\n"),
    "large": ("9110 5.4", MUST, "Fields have a bound together.", b"X: " + b"a" * 20_000 + b"\r\n"),
    "many": ("9110 5.4", MUST, "Fields have a bound together.", b"X: aaaaaaaa\r\n" * 2_000),
    "two-hosts": ("9112 3.2", MUST, "There is one Host.", b"Host: x\r\n"),
    "two-hosts-in-two-cases": ("9112 3.2", MUST, "Names are compared in any case.", b"hOST: y\r\n"),
    "two-authorizations": ("9110 5.3", STRICT, "There is one Authorization.", b"Authorization: Bearer a\r\n" * 2),
    "two-content-types": (
        "9110 5.3",
        STRICT,
        "There is one Content-Type.",
        b"Content-Type: a/b\r\ncontent-type: a/b\r\n",
    ),
    "two-lengths": ("9112 6.3", STRICT, "There is one Content-Length.", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    "two-other-lengths": (
        "9112 6.3",
        MUST,
        "Two lengths are no length.",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
    ),
    "length-as-list": ("9110 8.6", STRICT, "A length is one number.", b"Content-Length: 5, 5\r\n"),
    "length-as-other-list": ("9112 6.3", MUST, "A length is one number.", b"Content-Length: 5, 6\r\n"),
    "length-with-comma": ("9112 6.3", MUST, "A length is one number.", b"Content-Length: 5,\r\n"),
    "length-with-plus": ("9110 8.6", MUST, "A length is digits.", b"Content-Length: +5\r\n"),
    "length-with-minus": ("9110 8.6", MUST, "A length is digits.", b"Content-Length: -5\r\n"),
    "length-minus-zero": ("9110 8.6", MUST, "A length is digits.", b"Content-Length: -0\r\n"),
    "length-in-hexadecimal": ("9110 8.6", MUST, "A length is decimal.", b"Content-Length: 0x5\r\n"),
    "length-with-letters": ("9110 8.6", MUST, "A length is decimal.", b"Content-Length: 5a\r\n"),
    "length-with-fraction": ("9110 8.6", MUST, "A length is digits.", b"Content-Length: 5.0\r\n"),
    "length-with-exponent": ("9110 8.6", MUST, "A length is digits.", b"Content-Length: 5e0\r\n"),
    "length-with-underscore": ("9110 8.6", MUST, "A length is digits.", b"Content-Length: 1_0\r\n"),
    "length-with-space": ("9110 8.6", MUST, "A length is one number.", b"Content-Length: 5 5\r\n"),
    "length-empty": ("9110 8.6", MUST, "A length has a digit.", b"Content-Length:\r\n"),
    "length-blank": ("9110 8.6", MUST, "A length has a digit.", b"Content-Length: \t \r\n"),
    "length-quoted": ("9110 8.6", MUST, "A length is no string.", b'Content-Length: "5"\r\n'),
    "length-in-other-digits": ("9110 8.6", MUST, "A length is ASCII.", b"Content-Length: \xef\xbc\x95\r\n"),
    "length-superscript": ("9110 8.6", MUST, "A length is ASCII.", b"Content-Length: \xb2\r\n"),
    "length-after-vertical-tab": ("9110 8.6", MUST, "A vertical tab is no space.", b"Content-Length: \x0b5\r\n"),
    "length-space-before-colon": ("9112 5.1", MUST, "No space between name and colon.", b"Content-Length : 5\r\n"),
    "length-and-chunked": ("9112 6.1", STRICT, "A body has one length.", b"Content-Length: 5\r\n" + CHUNKED),
    "chunked-and-length": ("9112 6.1", STRICT, "A body has one length.", CHUNKED + b"Content-Length: 5\r\n"),
    "length-zero-and-chunked": ("9112 6.1", STRICT, "A body has one length.", b"Content-Length: 0\r\n" + CHUNKED),
}

_BAD_HOSTS: dict[str, bytes] = {
    "space": b"x y",
    "slash": b"x/y",
    "user": b"u@x",
    "fragment": b"x#y",
    "query": b"x?y",
    "letters-for-a-port": b"x:http",
    "sign-for-a-port": b"x:+80",
    "two-ports": b"x:80:80",
    "open-bracket": b"[::1",
    "url": b"http://x",
    "backslash": b"x\\y",
    "utf-8": b"\xc3\xa9",
}

REFUSED = (
    *(
        Entry(name, section, level, sentence, _LINE + b"Host: x\r\n" + fields + b"\r\n" + HIDDEN)
        for name, (section, level, sentence, fields) in _BAD_FIELDS.items()
    ),
    *(
        Entry(f"host-with-{name}", "9112 3.2", MUST, "An invalid Host is refused.", _LINE + b"Host: %b\r\n\r\n" % host)
        for name, host in _BAD_HOSTS.items()
    ),
    Entry("no-host", "9112 3.2", MUST, "HTTP/1.1 has a Host.", _LINE + b"X: a\r\n\r\n"),
    Entry("no-fields", "9112 3.2", MUST, "HTTP/1.1 has a Host.", _LINE + b"\r\n"),
    Entry("no-host-beside-a-uri", "9112 3.2", MUST, "A URI is no Host.", b"GET http://x/%b HTTP/1.1\r\n\r\n" % TAG),
    Entry(
        "two-hosts-in-1.0",
        "9112 3.2",
        MUST,
        "One Host, in HTTP/1.0 too.",
        b"GET /%b HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n" % TAG,
    ),
    Entry(
        "space-before-first-field",
        "9112 2.2",
        MUST,
        "Nothing stands between the line and the fields.",
        _LINE + b" Host: x\r\n\r\n",
    ),
    Entry(
        "space-before-first-field-and-a-host",
        "9112 2.2",
        STRICT,
        "Such a line is not skipped.",
        _LINE + b" X: a\r\nHost: x\r\n\r\n",
    ),
    Entry(
        "length-of-20-digits",
        "9110 8.6",
        MUST,
        "A large number is not taken for a small one.",
        post(b"Content-Length: 18446744073709551621\r\n", HIDDEN),
        ((400, 413),),
    ),
    Entry(
        "length-of-19-digits",
        "9110 8.6",
        MUST,
        "A large number is not taken for a small one.",
        post(b"Content-Length: 9223372036854775807\r\n", HIDDEN),
        ((400, 413),),
    ),
    Entry(
        "length-of-5000-digits",
        "9110 8.6",
        MUST,
        "A large number is no crash.",
        post(b"Content-Length: 1%b\r\n" % (b"0" * 5_000), HIDDEN),
        ((400, 413),),
    ),
)

_GOOD_FIELDS: dict[str, tuple[str, bytes]] = {
    "value-empty": ("A value may be empty.", b"X:\r\n"),
    "value-without-space": ("The space after the colon may be left out.", b"X:a\r\n"),
    "value-with-much-space": ("White space around a value is no part of it.", b"X: \t a\tb \t\r\n"),
    "value-in-latin-1": ("Bytes above ASCII are kept as they are.", b"X: \xe9\xff\r\n"),
    "value-with-colons": ("The first colon ends the name.", b"X: a:b: c\r\n"),
    "name-of-all-token-characters": ("A name may hold every token character.", b"!#$%&'*+-.^_`|~09azAZ: a\r\n"),
    "field-twice": ("A list may come in several fields.", b"Accept: a/b\r\nAccept: c/d\r\n"),
    "length-with-underscore-in-its-name": ("Another name is another field.", b"Content_Length: 5\r\n"),
    "length-zero": ("A length of zero is no body.", b"Content-Length: 0\r\n"),
}

SERVED = (
    *(
        Entry(
            name,
            "9110 5",
            MUST,
            sentence,
            get(fields) + get(target=b"/%b/next" % TAG),
            (404, 404),
            False,
            seen("GET", "GET /next"),
        )
        for name, (sentence, fields) in _GOOD_FIELDS.items()
    ),
    *(
        Entry(
            f"host-{host.decode()}",
            "9110 7.2",
            MUST,
            "A valid Host is served.",
            _LINE + b"Host: %b\r\n\r\n" % host,
            (404,),
            False,
            seen("GET"),
        )
        for host in (b"x:80", b"x:", b"127.0.0.1:1", b"[::1]:8080", b"x,y", b"a-b_c.example", b"%41.example")
    ),
    Entry(
        "host-empty",
        "9112 3.2",
        MUST,
        "A Host may be empty: balancers that ask for health send it so.",
        _LINE + b"Host:\r\n\r\n",
        (404,),
        False,
        seen("GET"),
    ),
    Entry(
        "host-without-a-name-in-1.0",
        "9112 3.2",
        MUST,
        "HTTP/1.0 needs no Host.",
        b"GET /%b HTTP/1.0\r\n\r\n" % TAG,
        (404,),
        True,
        seen("GET"),
    ),
    Entry(
        "authorization-once",
        "9110 5.3",
        MUST,
        "One Authorization is read.",
        b"GET /v1/ping HTTP/1.1\r\nHost: x\r\nauthorization:Bearer %b\r\n\r\n" % TOKEN,
        (200,),
        False,
    ),
    Entry(
        "body-of-get",
        "9110 9.3.1",
        STRICT,
        "A body of GET is read as a body.",
        get(length(HIDDEN)) + HIDDEN,
        (404,),
        False,
        seen("GET"),
        unread=True,
    ),
)

ENTRIES = REFUSED + SERVED
