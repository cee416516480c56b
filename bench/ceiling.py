"""Constant JSON on the same server, with the same protocol, and nothing between: what is left to reach."""

import sys
from typing import Any

import uvloop

from clientry.process import Limits, Listener, Refusals, Signs, bind, run

BODY = b'{"status":"ok"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"15")]


async def constant(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


async def main(port: int) -> int:
    """Serve until a signal comes."""
    limits = Limits(header_timeout=10, max_connections=1000, refusals=Refusals(b"{}", b"{}", b"{}", b"{}"))
    listener = Listener(tls_cert=None, tls_key=None, keep_alive=75, drain_delay=0, drain_timeout=5, limits=limits)
    return await run(constant, listener, bind("127.0.0.1", port), Signs(lambda: None, lambda: None))


if __name__ == "__main__":
    sys.exit(uvloop.run(main(int(sys.argv[1]))))
