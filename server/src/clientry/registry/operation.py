"""What every operation on the registry does: check the caller, draw what its transaction needs, describe what it did."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import Struct

from clientry.clock import Clock
from clientry.errors import AccessDenied, NotFound, PreconditionFailed, RegistryError, Unauthorized
from clientry.randomness import Random
from clientry.records.account import Account
from clientry.records.audit_event import Change
from clientry.records.caller import Caller, ClientCaller, Itself, Operator, sees
from clientry.records.client import Client
from clientry.records.idempotency import KEPT_FOR, AnsweredBefore, Target
from clientry.records.identifier import ACCOUNT_PREFIX, CLIENT_PREFIX, EVENT_PREFIX, is_id, new_id
from clientry.records.mark import Stop, salt_of
from clientry.storage import MARKS, Snapshot, Storage, Transaction

T = TypeVar("T")


class Occasion(Struct, frozen=True):
    """What an operation draws before its transaction, because the transaction may run more than once.

    Attributes:
        now: seconds since 1970-01-01T00:00:00Z.
        event_id: the id of the audit event.
    """

    now: float
    event_id: str

    async def stop(self, transaction: Transaction) -> Stop:
        """Return the moment of a change that stops tokens, or lifts such a stop; without a salt while a node knows none."""
        return Stop(self.now, salt_of(self.event_id) if await transaction.forms.may_write(MARKS) else "")


def draw_occasion(clock: Clock, random: Random) -> Occasion:
    """Return a new occasion."""
    return Occasion(clock.now(), new_id(EVENT_PREFIX, clock, random))


class Deed(Struct, frozen=True):
    """What was done to what: the part of an audit event that its operation knows.

    Attributes:
        operation: e.g. `client.create`.
        account_id: the account of the target.
        target: the id of what was changed.
        before: the fields that changed, as they were; never a secret.
        after: the same fields, as they are now.
    """

    operation: str
    account_id: str
    target: str
    before: dict[str, object]
    after: dict[str, object]


async def change(
    storage: Storage, caller: Caller, occasion: Occasion, about: Target, body: Callable[[Transaction], Awaitable[T]]
) -> T:
    """Run the body of an operation in one transaction, if the caller still stands; with an idempotency key at most once.

    Args:
        storage: the database.
        caller: who asks.
        occasion: what was drawn before.
        about: what a retry is judged by, with `permit_retry`.
        body: checks, does and audits.

    Raises:
        Unauthorized: the caller was stopped since its token was checked.
        AnsweredBefore: a request with the same idempotency key was answered already.
    """

    async def once(transaction: Transaction) -> T:
        if caller.once is None:
            return await body(transaction)
        now = int(occasion.now)
        if not await transaction.answers.claim(caller.once.digest, now, now + KEPT_FOR):
            raise AnsweredBefore
        result = await body(transaction)
        await transaction.answers.fill(caller.once.digest, caller.once.seal(result, about))
        return result

    async def whole(transaction: Transaction) -> T:
        try:
            result = await once(transaction)
        except RegistryError:
            await ensure_still_valid(caller, transaction, occasion.now)  # who was stopped meanwhile hears of that first
            raise
        # Last, so that nothing waits for whoever waits here; and held to the end: what stops the caller waits for this change.
        if isinstance(caller, ClientCaller):
            kept = await transaction.clients.keep(caller.client.client_id, caller.path)
            _ensure_unstopped(caller, kept, occasion.now)
        return result

    return await storage.write(whole)


async def permit_retry(caller: Caller, transaction: Transaction, about: Target, at: float) -> None:
    """Check that a caller may have the answer of a change once more: as for the change itself, and as things are now.

    Args:
        caller: who asks again.
        transaction: in which the answer is read.
        about: what the change was about.
        at: when, in seconds since 1970-01-01T00:00:00Z.

    Raises:
        Unauthorized: the caller was stopped since its token was checked.
        NotFound: what it is about is gone, or not in the caller's tree.
        AccessDenied: the client may do what the caller's token may not, and the answer would give it away.
    """
    await ensure_still_valid(caller, transaction, at)
    if about.account_id is not None:
        visible_account(caller, await transaction.accounts.get(about.account_id))
    if about.client_id is not None:
        client = await existing_client(caller, transaction, about.client_id)
        if about.empowers:
            ensure_holds(caller, client.resources)


def ensure_holds(caller: Caller, scopes: tuple[str, ...]) -> None:
    """Check that a caller holds what it is about to make, revive or put into other hands (ruling 18).

    Only global resources are guarded like this: `clients:write` is power over the products of the whole tree anyway.

    Args:
        caller: who asks; what its token grants counts, not what it is registered for.
        scopes: the global resources that the target is registered for, or that its role gives.

    Raises:
        AccessDenied: some are missing; they are named.
    """
    missing = caller.missing(scopes)
    if missing:
        named = " ".join(missing)
        raise AccessDenied(
            f"Whoever makes, revives or hands over power must hold it: the access token needs {named}, too.",
            missing_scope=named,
        )


async def ensure_still_valid(caller: Caller, snapshot: Snapshot, at: float) -> None:
    """Check that nobody stopped the caller since its token was checked.

    Asked inside the transaction of a change, and before each further part of an answer that is sent in parts.

    Args:
        caller: who asked.
        snapshot: a state of the database, or the transaction of the change.
        at: when, in seconds since 1970-01-01T00:00:00Z.

    Raises:
        Unauthorized: it was disabled or deleted, its account or the one it acts for suspended, its tokens were cut off, or a scope
            that its token grants was taken from it.
    """
    match caller:
        case Operator() | Itself():
            return
        case ClientCaller():
            await _client_still_valid(caller, snapshot, at)


async def _client_still_valid(caller: ClientCaller, snapshot: Snapshot, at: float) -> None:
    now = await snapshot.clients.get(caller.client.client_id)
    if now is not None and caller.account is not None:
        account = await snapshot.accounts.get(caller.account.account_id)
        now = None if account is None else now.beside(account)
    _ensure_unstopped(caller, now, at)


def _ensure_unstopped(caller: ClientCaller, now: Client | None, at: float) -> None:
    """Check that a caller's client, read with what stops it on the path that it acts for, is what its token was checked against."""
    if now is None or not now.is_active(at) or not caller.is_unstopped(now):
        raise Unauthorized("The access token is no longer good.", error="invalid_token")


async def account_in_tree(caller: Caller, transaction: Transaction, field: str, account_id: str | None) -> Account:
    """Return an account of the caller's tree, which stays until the transaction ends; None: the caller's own, or the root.

    Raises:
        NotFound: it is not in the caller's tree, or nowhere: the answer is the same. `field` is named.
    """
    wanted = caller.root if account_id is None else account_id
    if wanted is None:
        account = await transaction.accounts.root()
    else:
        account = await transaction.accounts.hold(wanted) if is_id(ACCOUNT_PREFIX, wanted) else None
    if account is None or not sees(caller, account.path):
        raise NotFound(f"{field}: there is no such account.")
    return account


def visible_account(caller: Caller, account: Account | None) -> Account:
    """Return an account that the caller may see.

    Raises:
        NotFound: there is none, or not in the caller's tree: the answer is the same.
    """
    if account is None or not sees(caller, account.path):
        raise NotFound("There is no such account.")
    return account


async def existing_account(
    caller: Caller, transaction: Transaction, account_id: str, if_match: frozenset[int] | None = None
) -> Account:
    """Return an account of the caller's tree, to change it: nothing that counts on it happens until the transaction ends.

    Raises:
        NotFound: there is none, or not in the caller's tree.
        PreconditionFailed: its version is not among `if_match`; None: any will do.
    """
    found = await transaction.accounts.claim(account_id) if is_id(ACCOUNT_PREFIX, account_id) else None
    account = visible_account(caller, found)
    if if_match is not None and account.version not in if_match:
        raise PreconditionFailed("The account has changed since it was read: its ETag is another one.")
    return account


def visible_client(caller: Caller, client: Client | None) -> Client:
    """Return a client that the caller may see.

    Raises:
        NotFound: there is none, or not in the caller's tree: the answer is the same.
    """
    if client is None or not sees(caller, client.account_path):
        raise NotFound("There is no such client.")
    return client


async def existing_client(
    caller: Caller, transaction: Transaction, client_id: str, if_match: frozenset[int] | None = None
) -> Client:
    """Return a client of the caller's tree, to change it.

    Raises:
        NotFound: there is none, or not in the caller's tree.
        PreconditionFailed: its version is not among `if_match`; None: any will do.
    """
    found = await transaction.clients.get(client_id) if is_id(CLIENT_PREFIX, client_id) else None
    client = visible_client(caller, found)
    if if_match is not None and client.version not in if_match:
        raise PreconditionFailed("The client has changed since it was read: its ETag is another one.")
    return client


def audited(caller: Caller, deed: Deed, occasion: Occasion) -> Change:
    """Return the content of the audit event for something that the caller did."""
    return Change(
        event_id=occasion.event_id,
        account_id=deed.account_id,
        operation=deed.operation,
        actor=caller.actor,
        target=deed.target,
        before=deed.before,
        after=deed.after,
        request_id=caller.request_id,
        address=caller.address,
        at=int(occasion.now),
    )
