"""Finishing an upgrade: after the last node of the older version is gone, what only newer ones understand is written.

What older programs wrote is taken over, in batches, while servers go on. Whatever ends it, the next run goes on from there.
"""

from collections.abc import Callable

from clientry.records.verifier import Pepper
from clientry.registry.binding import bind_verifiers
from clientry.settings.database_url import DatabaseUrl
from clientry.storage import Storage, engines
from clientry.storage.forms import unfinished
from clientry.storage.migration import Stage


def _tell_nobody(_done: int, _total: int) -> None:
    return


async def finish(
    url: DatabaseUrl, storage: Storage, pepper: Pepper, on_progress: Callable[[int, int], None] = _tell_nobody
) -> None:
    """Finish the migrations that this program knows, where they are not finished.

    Args:
        url: where it is.
        storage: the same database, opened.
        pepper: the key of the secrets' verifiers.
        on_progress: is told how many records of how many were taken over.

    Raises:
        ConfigurationError: the database cannot be used.
        StorageUnavailable: it cannot be used right now.
    """
    if not unfinished((await engines.read_schema(url)).done):
        return
    await engines.advance(url, Stage.FINISHING)
    await storage.reread_forms()
    await bind_verifiers(storage, pepper, on_progress)
    await engines.advance(url, Stage.FINISHED)
    await storage.reread_forms()
