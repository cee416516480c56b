"""Binding the verifiers that programs of before have made: a step of finishing an upgrade, without anybody's secret.

Each is wrapped as it is. Taking one over when its secret is used first would be too late: it would bind a copy, too.
"""

from collections.abc import Callable
from typing import Final

from clientry.errors import StorageUnavailable
from clientry.records.secret import ClientSecret
from clientry.records.verifier import PLAIN, Pepper
from clientry.storage import Storage

BATCH: Final = 500
"""Verifiers that one transaction wraps."""
ATTEMPTS: Final = 5
"""How often a transaction is tried that a busy or slow database did not confirm."""


async def bind_verifiers(storage: Storage, pepper: Pepper, on_progress: Callable[[int, int], None]) -> None:
    """Wrap every plain verifier, batch by batch; those that are wrapped already, by a run before or beside this one, stay.

    Args:
        storage: where they are; nobody makes plain ones there any more.
        pepper: their key.
        on_progress: is told how many of how many are wrapped.

    Raises:
        StorageUnavailable: the database did not confirm a batch in several attempts; the next run goes on from there.
    """
    total = await storage.read(lambda snapshot: snapshot.verifiers.count(PLAIN))
    if not total:
        return
    done, after = 0, ("", "")
    while True:
        found = await _found(storage, after)
        await _replace(storage, [(one, pepper.wrap(one)) for one in found])
        done += len(found)
        on_progress(done, total)
        if len(found) < BATCH:
            return
        after = (found[-1].client_id, found[-1].secret_id)


async def _found(storage: Storage, after: tuple[str, str]) -> tuple[ClientSecret, ...]:
    return await storage.read(lambda snapshot: snapshot.verifiers.slice(PLAIN, after, BATCH))


async def _replace(storage: Storage, new: list[tuple[ClientSecret, bytes]]) -> None:
    """Write a batch, again where it was not confirmed: what is written already is passed over then."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await storage.write(lambda transaction: transaction.verifiers.replace_all(new))
        except StorageUnavailable:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")
