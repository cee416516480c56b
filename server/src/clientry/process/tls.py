"""Taking connections that begin with TLS: a connection counts, and its time runs, from the moment when it is taken."""

import asyncio
import socket
from typing import Final

from clientry.process.certificate import Certificate
from clientry.process.protocol import HttpProtocol
from clientry.process.shared import Shared
from clientry.process.states import DROP_TIME

AT_ONCE: Final = 64
"""Connections that are taken in one turn of the event loop."""
BREATHER: Final = 1.0
"""Seconds that nothing is taken after there was no descriptor left for a connection."""


class TlsDoor:
    """Takes the connections of a socket. The event loop's own server tells of one only when its handshake is over.

    Args:
        shared: what the connections share.
        certificate: what they are shown.
        taken: the socket; it listens.
    """

    def __init__(self, shared: Shared, certificate: Certificate, taken: socket.socket) -> None:
        self._shared = shared
        self._certificate = certificate
        self._taken = taken
        self._loop = asyncio.get_running_loop()
        self._breather: asyncio.TimerHandle | None = None
        taken.setblocking(False)
        self._open()

    def close(self) -> None:
        """Take no more."""
        if self._breather is not None:
            self._breather.cancel()
        self._loop.remove_reader(self._taken)
        self._taken.close()

    def _open(self) -> None:
        self._breather = None
        self._loop.add_reader(self._taken, self._take)

    def _take(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _address = self._taken.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._loop.remove_reader(self._taken)
                self._breather = self._loop.call_later(BREATHER, self._open)
                return
            if self._shared.is_crowded:
                connection.close()
                continue
            connection.setblocking(False)
            protocol = HttpProtocol(self._shared)
            protocol.accepted(self._loop.create_task(self._shake_hands(protocol, connection)))

    async def _shake_hands(self, protocol: HttpProtocol, connection: socket.socket) -> None:
        # How long that may take is the business of the connection, which cancels this.
        patience = self._shared.limits.times.header + 1
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self._certificate.context,
                ssl_handshake_timeout=patience,
                ssl_shutdown_timeout=DROP_TIME,
            )
        except (OSError, TimeoutError):
            protocol.connection_lost(None)
        except asyncio.CancelledError:
            protocol.connection_lost(None)
            raise
