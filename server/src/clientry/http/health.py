"""What a supervisor and a load balancer ask: is the process alive, and should requests be sent to it."""

from typing import Final

from clientry.background.high_water import HighWater
from clientry.errors import StorageUnavailable, Unavailable, WentBack
from clientry.http.exchange import JSON, NO_STORE, Answer, Receive, Scope
from clientry.storage import Storage

_OK: Final = Answer(200, JSON + NO_STORE, b'{"status":"ok"}')


async def healthz(scope: Scope, receive: Receive) -> Answer:
    """Answer that the process is alive, whatever the database does."""
    return _OK


class Readiness:
    """Tells whether requests should come here."""

    def __init__(self, storage: Storage, high_water: HighWater) -> None:
        self._storage = storage
        self._high_water = high_water
        self._draining = False

    def drain(self) -> None:
        """Say no from now on: the process was asked to stop."""
        self._draining = True

    async def __call__(self, scope: Scope, receive: Receive) -> Answer:
        """Answer 200 when the database is as it was left and can be read and written, and nobody asked to stop; else 503."""
        if self._draining:
            raise Unavailable("This server is stopping.")
        try:
            self._high_water.ensure()
            await self._storage.check()
        except WentBack as problem:
            raise Unavailable(f"The database went back to an earlier state: {problem}.") from None
        except StorageUnavailable:
            raise Unavailable("The database cannot be read and written.") from None
        return _OK
