"""Documents: the same for everybody, made once, with an ETag."""

import base64
import hashlib

from clientry.http.exchange import Answer, Headers, Receive, Scope, header_values


class Document:
    """A document that is the same for everybody, with an ETag."""

    def __init__(self, body: bytes, headers: Headers) -> None:
        tag = base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:12])
        self._etag = b'"' + tag + b'"'
        self._headers = (*headers, (b"etag", self._etag))
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive) -> Answer:
        """Answer with the document, or 304 to who has it already."""
        # A weak comparison (RFC 9110 section 13.1.2): proxies that compress make our tag a weak one.
        tags = (tag.strip() for value in header_values(scope, b"if-none-match") for tag in value.split(b","))
        known = {tag.removeprefix(b"W/") for tag in tags}
        if self._etag in known or b"*" in known:
            return Answer(304, self._headers)
        return Answer(200, self._headers, self._body)
