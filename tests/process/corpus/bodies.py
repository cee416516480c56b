"""Bodies: transfer codings, chunks and trailers; RFC 9112 sections 6 and 7, RFC 9110 section 6.5."""

from tests.process.corpus.entry import (
    CHUNKED,
    FORM,
    HIDDEN,
    MUST,
    SHOULD,
    STRICT,
    TAG,
    TOKEN,
    Entry,
    chunk,
    get,
    in_chunks,
    length,
    post,
    seen,
)

_BAD_CODINGS: dict[str, tuple[str, str, str, bytes]] = {
    "gzip": ("9112 6.1", SHOULD, "A body whose coding is unknown has no known end.", b"Transfer-Encoding: gzip\r\n"),
    "gzip-chunked": ("9112 6.1", SHOULD, "Only chunked is undone.", b"Transfer-Encoding: gzip, chunked\r\n"),
    "chunked-gzip": ("9112 6.3", MUST, "Chunked comes last.", b"Transfer-Encoding: chunked, gzip\r\n"),
    "chunked-twice": ("9112 6.1", MUST, "Chunked comes once.", b"Transfer-Encoding: chunked, chunked\r\n"),
    "chunked-in-two-fields": ("9112 6.1", MUST, "Two fields are one list.", CHUNKED + CHUNKED),
    "gzip-and-chunked-fields": (
        "9112 6.1",
        SHOULD,
        "Two fields are one list.",
        b"Transfer-Encoding: gzip\r\n" + CHUNKED,
    ),
    "identity": ("9112 6.1", SHOULD, "Identity was a coding once.", b"Transfer-Encoding: identity\r\n"),
    "identity-chunked": (
        "9112 6.1",
        SHOULD,
        "Identity was a coding once.",
        b"Transfer-Encoding: identity, chunked\r\n",
    ),
    "xchunked": ("9112 6.1", SHOULD, "A longer name is another one.", b"Transfer-Encoding: xchunked\r\n"),
    "chunkedx": ("9112 6.1", SHOULD, "A longer name is another one.", b"Transfer-Encoding: chunkedx\r\n"),
    "chunk": ("9112 6.1", SHOULD, "A shorter name is another one.", b"Transfer-Encoding: chunk\r\n"),
    "chunked-comma": ("9110 5.6.1", STRICT, "A list has no empty elements.", b"Transfer-Encoding: chunked,\r\n"),
    "comma-chunked": ("9110 5.6.1", STRICT, "A list has no empty elements.", b"Transfer-Encoding: ,chunked\r\n"),
    "chunked-parameter": ("9112 7.1", STRICT, "Chunked has no parameters.", b"Transfer-Encoding: chunked;q=1\r\n"),
    "chunked-quoted": ("9112 7", MUST, "A coding's name is a token.", b'Transfer-Encoding: "chunked"\r\n'),
    "chunked-in-two-words": ("9112 7", MUST, "A coding's name is a token.", b"Transfer-Encoding: chu nked\r\n"),
    "empty": ("9112 6.1", STRICT, "An empty coding is none that is known.", b"Transfer-Encoding:\r\n"),
    "vertical-tab": ("9110 5.5", STRICT, "A vertical tab is no space.", b"Transfer-Encoding: \x0bchunked\r\n"),
    "form-feed": ("9110 5.5", STRICT, "A form feed is no space.", b"Transfer-Encoding: chunked\x0c\r\n"),
    "nul": ("9110 5.5", MUST, "NUL is dangerous.", b"Transfer-Encoding: chunked\0\r\n"),
    "no-break-space": ("9112 7", MUST, "A coding's name is ASCII.", b"Transfer-Encoding: \xa0chunked\r\n"),
    "kelvin-sign": ("9112 7", MUST, "A coding's name is ASCII.", b"Transfer-Encoding: chun\xe2\x84\xaaed\r\n"),
    "space-before-colon": ("9112 5.1", MUST, "No space before the colon.", b"Transfer-Encoding : chunked\r\n"),
    "folded": ("9112 5.2", MUST, "A folded field is refused.", b"Transfer-Encoding:\r\n chunked\r\n"),
}

_BAD_CHUNKS: dict[str, tuple[str, str, str, bytes]] = {
    "size-empty": ("9112 7.1", MUST, "A chunk has a size.", b"\r\n"),
    "size-of-letters": ("9112 7.1", MUST, "A size is hexadecimal.", b"xyz\r\n"),
    "size-with-0x": ("9112 7.1", MUST, "A size has no prefix.", b"0x5\r\n12345\r\n0\r\n\r\n"),
    "size-with-plus": ("9112 7.1", MUST, "A size has no sign.", b"+5\r\n12345\r\n0\r\n\r\n"),
    "size-with-minus": ("9112 7.1", MUST, "A size has no sign.", b"-5\r\n12345\r\n0\r\n\r\n"),
    "size-minus-zero": ("9112 7.1", MUST, "A size has no sign.", b"-0\r\n\r\n"),
    "size-with-underscore": ("9112 7.1", MUST, "A size is digits.", b"0_5\r\n12345\r\n0\r\n\r\n"),
    "size-after-space": ("9112 7.1", MUST, "A line begins with the size.", b" 5\r\n12345\r\n0\r\n\r\n"),
    "size-before-space": ("9112 7.1.1", STRICT, "White space needs an extension.", b"5 \r\n12345\r\n0\r\n\r\n"),
    "size-before-tab": ("9112 7.1.1", STRICT, "White space needs an extension.", b"5\t\r\n12345\r\n0\r\n\r\n"),
    "size-in-two-words": ("9112 7.1", MUST, "A size is one word.", b"5 5\r\n12345\r\n0\r\n\r\n"),
    "size-with-h": ("9112 7.1", MUST, "A size has no suffix.", b"5h\r\n12345\r\n0\r\n\r\n"),
    "size-with-fraction": ("9112 7.1", MUST, "A size is whole.", b"5.0\r\n12345\r\n0\r\n\r\n"),
    "size-in-other-digits": ("9112 7.1", MUST, "A size is ASCII.", b"\xef\xbc\x95\r\n12345\r\n0\r\n\r\n"),
    "size-then-nul": ("9112 7.1", MUST, "A size ends with its line.", b"5\0\r\n12345\r\n0\r\n\r\n"),
    "size-of-17-digits": (
        "9112 7.1",
        MUST,
        "A size that overflows is no small one.",
        b"10000000000000005\r\n12345\r\n0\r\n\r\n",
    ),
    "size-of-100-digits": ("9112 7.1", MUST, "A size that overflows is no small one.", b"1" + b"0" * 99 + b"\r\n"),
    "size-line-without-end": (
        "9112 7.1.1",
        MUST,
        "The line of a size has a bound.",
        b"0" * 20_000 + b"5\r\n12345\r\n0\r\n\r\n",
    ),
    "size-line-ends-with-lf": ("9112 2.2", STRICT, "A bare LF ends no line.", b"5\n12345\r\n0\r\n\r\n"),
    "size-line-ends-with-cr": ("9112 2.2", MUST, "A bare CR ends no line.", b"5\r12345\r\n0\r\n\r\n"),
    "extension-hides-lf": ("9112 7.1.1", MUST, "An extension holds no LF.", b"5;\n12345\r\n0\r\n\r\n"),
    "extension-hides-cr": ("9112 2.2", MUST, "An extension holds no bare CR.", b"5;a\rb\r\n12345\r\n0\r\n\r\n"),
    "extension-hides-nul": ("9112 7.1.1", MUST, "An extension holds no NUL.", b"5;a=\0\r\n12345\r\n0\r\n\r\n"),
    "extension-too-long": (
        "9112 7.1.1",
        SHOULD,
        "Extensions have a bound.",
        b"5;" + b"a" * 20_000 + b"\r\n12345\r\n0\r\n\r\n",
    ),
    "extensions-too-many": (
        "9112 7.1.1",
        SHOULD,
        "Extensions have a bound together.",
        b"1;aaaaaaaaaaaa\r\n1\r\n" * 2_000 + b"0\r\n\r\n",
    ),
    "data-too-long": ("9112 7.1", MUST, "A chunk ends where it says.", b"5\r\n123456\r\n0\r\n\r\n"),
    "data-too-short": ("9112 7.1", MUST, "A chunk ends where it says.", b"5\r\n1234\r\n0\r\n\r\n"),
    "data-without-end": ("9112 7.1", MUST, "CR LF follows a chunk.", b"5\r\n123450\r\n\r\n"),
    "data-ends-with-lf": ("9112 2.2", STRICT, "A bare LF ends no chunk.", b"5\r\n12345\n0\r\n\r\n"),
    "data-ends-with-cr": ("9112 7.1", MUST, "A bare CR ends no chunk.", b"5\r\n12345\r0\r\n\r\n"),
    "last-chunk-ends-with-lf": ("9112 2.2", STRICT, "A bare LF ends no body.", b"5\r\n12345\r\n0\n\n"),
    "end-with-lf": ("9112 2.2", STRICT, "A bare LF ends no body.", b"5\r\n12345\r\n0\r\n\n"),
    "end-with-cr": ("9112 7.1", MUST, "A bare CR ends no body.", b"5\r\n12345\r\n0\r\n\rX"),
    "trailer-without-colon": ("9112 7.1.2", MUST, "A trailer is a field.", b"0\r\nX\r\n\r\n"),
    "trailer-without-name": ("9112 7.1.2", MUST, "A trailer has a name.", b"0\r\n: a\r\n\r\n"),
    "trailer-with-space-before-colon": ("9112 5.1", MUST, "No space before the colon.", b"0\r\nX : a\r\n\r\n"),
    "trailer-folded": ("9112 5.2", MUST, "A folded field is refused.", b"0\r\nX: a\r\n b\r\n\r\n"),
    "trailer-with-nul": ("9110 5.5", MUST, "NUL is dangerous.", b"0\r\nX: a\0\r\n\r\n"),
    "trailer-ends-with-lf": ("9112 2.2", STRICT, "A bare LF ends no line.", b"0\r\nX: a\n\r\n"),
    "trailer-too-long": ("9110 5.4", MUST, "Trailers have a bound.", b"0\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"),
    "trailers-too-many": (
        "9110 5.4",
        MUST,
        "Trailers have a bound together.",
        b"0\r\n" + b"X: aaaaaaaa\r\n" * 2_000 + b"\r\n",
    ),
}

REFUSED = (
    *(
        Entry(f"coding-{name}", section, level, sentence, post(fields, in_chunks(FORM) + HIDDEN))
        for name, (section, level, sentence, fields) in _BAD_CODINGS.items()
    ),
    *(
        Entry(f"chunk-{name}", section, level, sentence, post(CHUNKED, body + HIDDEN))
        for name, (section, level, sentence, body) in _BAD_CHUNKS.items()
    ),
    Entry(
        "chunk-size-of-16-digits",
        "9112 7.1",
        MUST,
        "A size that no body may have is refused.",
        post(CHUNKED, b"ffffffffffffffff\r\n" + HIDDEN),
        ((400, 413),),
    ),
    Entry(
        "chunked-in-1.0",
        "9112 6.1",
        MUST,
        "HTTP/1.0 has no transfer codings.",
        post(CHUNKED, in_chunks(FORM) + HIDDEN, b"HTTP/1.0"),
    ),
    Entry(
        "gzip-in-1.0",
        "9112 6.1",
        MUST,
        "HTTP/1.0 has no transfer codings.",
        post(b"Transfer-Encoding: gzip\r\n" + length(FORM), FORM, b"HTTP/1.0"),
    ),
    Entry(
        "trailer-for-authorization",
        "9110 6.5.1",
        MUST,
        "A trailer is never a header field: without Authorization before the body nobody has authenticated.",
        b"POST /v1/clients HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%b\r\n%b0\r\nAuthorization: Bearer %b\r\n\r\n"
        % (CHUNKED, chunk(b'{"name":"n","locked":false,"scopes":{}}'), TOKEN),
        (401,),
        False,
        unread=True,
    ),
    Entry(
        "trailer-for-content-type",
        "9110 6.5.1",
        MUST,
        "A trailer is never a header field: the body has no type.",
        b"POST /api-services/v1/auth/token HTTP/1.1\r\nHost: x\r\n%b\r\n%b0\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" % (CHUNKED, chunk(FORM)),
        (400,),
        False,
        unread=True,
    ),
)

_SERVED: dict[str, tuple[str, str, str, bytes]] = {
    "by-length": ("9112 6.2", MUST, "A body ends after its length.", post(length(FORM), FORM)),
    "by-length-with-leading-zeros": (
        "9110 8.6",
        MUST,
        "Leading zeros are digits.",
        post(b"Content-Length: 000%d\r\n" % len(FORM), FORM),
    ),
    "by-length-with-space": (
        "9110 5.5",
        MUST,
        "White space around a length is no part of it.",
        post(b"content-length: \t%d \r\n" % len(FORM), FORM),
    ),
    "chunked": ("9112 7.1", MUST, "A body ends with its last chunk.", post(CHUNKED, in_chunks(FORM))),
    "chunked-in-capitals": (
        "9112 7",
        MUST,
        "Names of codings are compared in any case.",
        post(b"TRANSFER-ENCODING: \tChunked \r\n", in_chunks(FORM)),
    ),
    "chunked-in-small-parts": (
        "9112 7.1",
        MUST,
        "Chunks are joined.",
        post(CHUNKED, b"".join(chunk(FORM[at : at + 1]) for at in range(10)) + in_chunks(FORM[10:])),
    ),
    "chunk-size-in-capitals-and-zeros": (
        "9112 7.1",
        MUST,
        "A size may have capitals and leading zeros.",
        post(CHUNKED, b"000%X\r\n%b\r\n000\r\n\r\n" % (len(FORM), FORM)),
    ),
    "chunk-extensions": (
        "9112 7.1.1",
        MUST,
        "Extensions are ignored.",
        post(CHUNKED, b'%x;a;b=c ; d="e;f"\r\n%b\r\n0;g\r\n\r\n' % (len(FORM), FORM)),
    ),
    "trailers": (
        "9110 6.5.1",
        MUST,
        "Trailers are dropped.",
        post(CHUNKED, chunk(FORM) + b"0\r\nX: a\r\nContent-Length: 5\r\nHost: y\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ),
    "trailers-announced": (
        "9110 6.6.2",
        MUST,
        "An announcement of trailers changes nothing.",
        post(CHUNKED + b"TE: trailers\r\nTrailer: X\r\n", chunk(FORM) + b"0\r\nX: a\r\n\r\n"),
    ),
}

SERVED = (
    *(
        Entry(f"body-{name}", section, level, sentence, raw + get(), (200, 404), False, seen("GET"))
        for name, (section, level, sentence, raw) in _SERVED.items()
    ),
    Entry(
        "body-too-large-by-length",
        "9110 15.5.14",
        MUST,
        "A body that is announced too large is refused before it comes.",
        post(b"Content-Length: 70000\r\n", b""),
        (413,),
    ),
    Entry(
        "body-too-large-by-chunks",
        "9110 15.5.14",
        MUST,
        "A body that grows too large is refused.",
        post(CHUNKED, chunk(b"a" * 7_000) * 9 + b"fffff\r\n" + b"a" * 7_000),
        (413,),
    ),
    Entry(
        "body-never-comes",
        "9112 9.3",
        MUST,
        "What is answered before its body came is the last answer.",
        b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n0123456789" % TAG,
        (404,),
        True,
        seen("POST"),
    ),
    Entry(
        "chunks-break-while-answering",
        "9112 9.3",
        STRICT,
        "Whether the answer or the fault in the body is first: one answer, and the end.",
        b"POST /%b HTTP/1.1\r\nHost: x\r\n%b\r\n5\r\n123456\r\n0\r\n\r\n%b" % (TAG, CHUNKED, HIDDEN),
        ((400, 404),),
        True,
        seen("POST"),
        unread=True,
    ),
    Entry(
        "chunks-never-come",
        "9112 9.3",
        MUST,
        "What is answered before its body came is the last answer.",
        b"POST /%b HTTP/1.1\r\nHost: x\r\n%b\r\nffff\r\n123" % (TAG, CHUNKED),
        (404,),
        True,
        seen("POST"),
    ),
)

ENTRIES = REFUSED + SERVED
