"""One HTTP request exactly as it is given: header by header, byte by byte; no library corrects or joins anything."""

import base64
import http.client
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

TOKEN_PATH = "/api-services/v1/auth/token"
FORM = "application/x-www-form-urlencoded"

Pairs = Mapping[str, str] | list[tuple[str, str]]


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """Return the only value of a header."""
        (value,) = self.all(name)
        return value

    @property
    def steady(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Everything that may not differ between two answers that say the same."""
        changing = {"date", "x-request-id"}
        return self.status, [(name, value) for name, value in self.headers if name.lower() not in changing], self.body


class Wire:
    """A connection that is kept open over several requests."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        self._prefix = parts.path

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(
        self, method: str, path: str, headers: Iterable[tuple[str, str | bytes]] = (), body: bytes | None = None
    ) -> Reply:
        """Send a request; Content-Length is added, and Host where it is not given."""
        headers = list(headers)
        has_host = any(name == "Host" for name, _ in headers)
        self._connection.putrequest(method, self._prefix + path, skip_host=has_host, skip_accept_encoding=True)
        for name, value in headers:
            self._connection.putheader(name, value)
        if body is not None:
            self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders(body)
        with self._connection.getresponse() as response:
            return Reply(response.status, response.getheaders(), response.read())


def send(
    url: str, method: str, path: str, headers: Iterable[tuple[str, str | bytes]] = (), body: bytes | None = None
) -> Reply:
    """Send one request over its own connection."""
    with Wire(url) as wire:
        return wire.send(method, path, headers, body)


def ask_token(
    url: str, form: Pairs | bytes, headers: Iterable[tuple[str, str | bytes]] = (), media_type: str = FORM
) -> Reply:
    """Send one token request; a form that is no bytes is encoded."""
    method, path, own, body = token_request(form, media_type)
    return send(url, method, path, [*own, *headers], body)


def token_request(form: Pairs | bytes, media_type: str = FORM) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """Return method, path, headers and body of a token request."""
    pairs = form.items() if isinstance(form, Mapping) else form
    body = pairs if isinstance(pairs, bytes) else urlencode(list(pairs)).encode()
    return "POST", TOKEN_PATH, [("Content-Type", media_type)], body


def basic(user: str | bytes, password: str | bytes, scheme: str = "Basic") -> tuple[str, str]:
    """Return an Authorization header for these two, which are not encoded further."""
    user, password = (text.encode() if isinstance(text, str) else text for text in (user, password))
    return "Authorization", f"{scheme} {base64.b64encode(user + b':' + password).decode()}"


def bearer(token: str) -> tuple[str, str]:
    """Return an Authorization header for an access token."""
    return "Authorization", f"Bearer {token}"


def refused(reply: Reply, status: int, error: str) -> None:
    """Assert one refusal in the form of RFC 6749 section 5.2."""
    assert (reply.status, reply.json["error"]) == (status, error), reply
    assert set(reply.json) == {"error", "error_description", "error_uri"}
