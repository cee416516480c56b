"""What an operator does to the database as a whole: beginning its incarnations, and settling what two first starts did to it."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from clientry.clock import Clock
from clientry.errors import ConfigurationError, StorageTimedOut
from clientry.randomness import Random
from clientry.records.account import MAX_DEPTH, tokens_revoked
from clientry.records.caller import Operator
from clientry.records.incarnation import Incarnation
from clientry.records.mark import Stop, salt_of
from clientry.registry.operation import Deed, audited, draw_occasion
from clientry.storage import AlreadyTaken, Snapshot, Storage, Transaction

T = TypeVar("T")

ATTEMPTS: Final = 10
"""How often a node that starts tries to install; each attempt ends within two seconds."""

Change = Callable[[Callable[[Transaction], Awaitable[T]]], Awaitable[T]]
"""Runs the body of a change: `Storage.write`, or the end of a restore, before what was restored can be seen."""


class AlreadyInstalled(ConfigurationError):
    """The database has a root account: somebody else made it, perhaps in this moment."""


def new_incarnation(random: Random) -> Incarnation:
    """Draw an incarnation."""
    return Incarnation(random.bytes(16).hex())


async def install_once(
    storage: Storage, root_id: str, body: Callable[[Transaction], Awaitable[None]], clock: Clock
) -> None:
    """Make the root account and the first incarnation, of nodes that start together in one.

    Args:
        storage: the database.
        root_id: the root account that the body makes.
        body: adds the incarnation first, which only one can. It is run again where others take too long, or an answer was lost.
        clock: to wait with.

    Raises:
        AlreadyInstalled: another node did it meanwhile.
        StorageUnavailable: the database cannot be written.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await storage.write(body)
        except AlreadyTaken:
            raise AlreadyInstalled("Another node has just initialised the database; nothing was changed.") from None
        except StorageTimedOut:
            if await storage.read(lambda snapshot: snapshot.accounts.roots()) == (root_id,):
                return None
            if attempt == ATTEMPTS:
                raise
            await clock.sleep(0.2)
    raise AssertionError("the last attempt returns or raises")


async def ensure_incarnation(storage: Storage, random: Random) -> None:
    """Give a database that only older programs have worked on its first incarnation.

    Raises:
        ConfigurationError: it has two roots.
    """
    first = new_incarnation(random)

    async def state(snapshot: Snapshot) -> tuple[tuple[str, ...], bool]:
        return await snapshot.accounts.roots(), await snapshot.incarnations.get() is None

    roots, missing = await storage.read(state)
    _refuse_two_roots(roots)
    if roots and missing:
        try:
            await storage.write(lambda transaction: transaction.incarnations.add(first))
        except AlreadyTaken:
            return  # another node did it meanwhile


async def check_root(storage: Storage) -> None:
    """Check that there is at most one root account.

    Raises:
        ConfigurationError: there are two.
    """
    _refuse_two_roots(await storage.read(lambda snapshot: snapshot.accounts.roots()))


async def begin(change: Change[bool], caller: Operator, clock: Clock, random: Random, *, keep_tokens: bool) -> bool:
    """Begin a new incarnation of a database that went back to an earlier state, with a stop of every token issued so far.

    Args:
        change: runs what is to be done.
        caller: who asks.
        clock: the time.
        random: for the incarnation.
        keep_tokens: the tokens stay as good as they are.

    Returns:
        Whether there was anything: an empty database gets its incarnation with the first start.
    """
    occasion, next_one = draw_occasion(clock, random), new_incarnation(random)

    async def body(transaction: Transaction) -> bool:
        root = await transaction.accounts.root()
        if root is None:
            return False
        before = await transaction.incarnations.get()
        if not keep_tokens:
            # Every token is for an account of the root's tree, and dies with what the root's tokens die of. With a salt also
            # where none may be written yet: the tokens may be from after the upgrade, and the database from before.
            stop = Stop(occasion.now, salt_of(occasion.event_id))
            await transaction.accounts.replace(root, tokens_revoked(root, stop))
        shown_before = {} if before is None else {"incarnation": before.incarnation_id}
        after = {"incarnation": next_one.incarnation_id, "tokens": "kept" if keep_tokens else "stopped"}
        deed = Deed("database.restore", root.account_id, root.account_id, {**shown_before}, {**after})
        await transaction.audit_events.append(audited(caller, deed, occasion))
        begun = Incarnation(next_one.incarnation_id, transaction.audit_events.last)
        if before is None:
            await transaction.incarnations.add(begun)
        else:
            await transaction.incarnations.replace(begun)
        return True

    return await change(body)


async def keep_root(storage: Storage, caller: Operator, root_id: str, clock: Clock, random: Random) -> tuple[str, ...]:
    """Keep one of several roots, put the others and all below them below it, and return the others' ids.

    Everything keeps its id, and every secret stays good; tokens for the trees that move may have to be asked for again.

    Raises:
        ConfigurationError: there is one root only, this is none of them, or a tree would become too deep.
    """
    roots = await storage.read(lambda snapshot: snapshot.accounts.roots())
    if root_id not in roots:
        raise ConfigurationError(f"{root_id} is no root account. The root is {' and '.join(roots) or 'not there yet'}.")
    others = tuple(other for other in roots if other != root_id)
    if not others:
        raise ConfigurationError(f"{root_id} is the only root account: there is nothing to settle.")
    occasions = [draw_occasion(clock, random) for _ in others]
    first = new_incarnation(random)

    async def body(transaction: Transaction) -> None:
        if await transaction.incarnations.get() is None:
            await transaction.incarnations.add(first)
        for other, occasion in zip(others, occasions, strict=True):
            if await transaction.accounts.depth(other) >= MAX_DEPTH:
                raise ConfigurationError(f"The tree of {other} has {MAX_DEPTH} levels already. Keep that one.")
            await transaction.accounts.adopt(root_id, other)
            deed = Deed("account.adopt", root_id, other, {"parent_id": None}, {"parent_id": root_id})
            await transaction.audit_events.append(audited(caller, deed, occasion))

    await storage.write(body)
    return others


def _refuse_two_roots(roots: tuple[str, ...]) -> None:
    if len(roots) > 1:
        raise ConfigurationError(
            f"The database has {len(roots)} root accounts, {' and '.join(roots)}: two nodes made one each when they first "
            "started together. Stop all servers, and keep one, with the other below it: clientry keep-root "
            f"{roots[0]}"
        )
