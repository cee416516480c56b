"""An application of this process, asked without a socket: for tests that bring their own clock."""

from collections.abc import Iterable
from typing import Any

from tests.support.wire import Reply

from clientry.http.exchange import App


async def send(app: App, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Reply:
    """Send one request, and return the whole answer."""
    plain, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("192.0.2.1", 1),
    }
    status = 0
    answered: list[tuple[str, str]] = []
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.extend((name.decode(), value.decode()) for name, value in message["headers"])
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    return Reply(status, answered, b"".join(parts))
