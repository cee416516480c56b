"""Breaking a connection off so that nothing of it is left, neither here nor in the kernel."""

import asyncio
import contextlib
import socket
import struct
from typing import Final

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""What has a socket reset its connection: the kernel would go on offering the rest of an answer that nobody reads."""


def reset(transport: asyncio.Transport) -> None:
    """Break a connection off."""
    taken: socket.socket | None = transport.get_extra_info("socket")
    if taken is not None:
        with contextlib.suppress(OSError):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
