"""The registry of accounts. Every operation takes the caller first, and checks, does and audits in one transaction."""

from msgspec import Struct, structs

from clientry.clock import Clock
from clientry.errors import BadRequest, Conflict
from clientry.randomness import Random
from clientry.records import audit_event
from clientry.records.account import MAX_DEPTH, Account, AccountChange, AccountStatus, changed, tokens_revoked
from clientry.records.caller import Caller
from clientry.records.field import clean_email, clean_text
from clientry.records.idempotency import Target
from clientry.records.identifier import ACCOUNT_PREFIX, is_id, new_id
from clientry.records.scope import ACCOUNTS_READ, ACCOUNTS_WRITE, RESOURCES
from clientry.registry import operation
from clientry.registry.last_admin import keep_an_admin_above
from clientry.registry.listing import Listed, Listing, PageRequest, open_listing
from clientry.registry.operation import (
    Deed,
    account_in_tree,
    audited,
    draw_occasion,
    ensure_holds,
    ensure_still_valid,
    existing_account,
    visible_account,
)
from clientry.storage import AccountFilter, ClientFilter, ClientStatus, Position, Snapshot, Storage, Transaction


class NewAccount(Struct, frozen=True):
    """What an account is created from.

    Attributes:
        friendly_name: 1 to 255 characters.
        owner_email: the address of its one owner.
        parent_id: the account above it, None: the caller's account.
    """

    friendly_name: str
    owner_email: str
    parent_id: str | None = None


class AccountRegistry:
    """Operations on accounts."""

    def __init__(self, storage: Storage, clock: Clock, random: Random) -> None:
        self._storage = storage
        self._clock = clock
        self._random = random

    async def list(self, caller: Caller, wanted: AccountFilter, page: PageRequest) -> Listing[Account]:
        """Return a page of the caller's account and all below it, newest first.

        Raises:
            AccessDenied: the caller is no admin client with `accounts:read`.
        """
        caller.require(ACCOUNTS_READ)
        narrowed = structs.replace(wanted, within=caller.root)

        async def permit(snapshot: Snapshot) -> None:
            await ensure_still_valid(caller, snapshot, self._clock.now())

        listed = Listed(narrowed, lambda snapshot: snapshot.accounts, position, permit)
        return await open_listing(self._storage, listed, page)

    async def get(self, caller: Caller, account_id: str) -> Account:
        """Return one account.

        Raises:
            AccessDenied: the caller is no admin client with `accounts:read`.
            NotFound: there is none, or not in the caller's tree.
        """
        caller.require(ACCOUNTS_READ)
        found = await self._storage.account(account_id) if is_id(ACCOUNT_PREFIX, account_id) else None
        return visible_account(caller, found)

    async def create(self, caller: Caller, new: NewAccount) -> Account:
        """Create an account below another one.

        Raises:
            AccessDenied: the caller is no admin client with `accounts:write`.
            BadRequest: a field is not what it must be, or the tree would become too deep.
            NotFound: the parent is not in the caller's tree, or nowhere.
        """
        caller.require(ACCOUNTS_WRITE)
        friendly_name = clean_text("friendly_name", new.friendly_name)
        owner_email = clean_email("owner_email", new.owner_email)
        occasion = draw_occasion(self._clock, self._random)
        account_id = new_id(ACCOUNT_PREFIX, self._clock, self._random)
        above = caller.root if new.parent_id is None else new.parent_id

        async def body(transaction: Transaction) -> Account:
            parent = await _parent(caller, transaction, new.parent_id)
            account = Account(
                account_id=account_id,
                path=(*parent.path, account_id),
                friendly_name=friendly_name,
                owner_email=owner_email,
                status=AccountStatus.ACTIVE,
                date_created=int(occasion.now),
            )
            await transaction.accounts.add(account)
            deed = _deed("account.create", account, None, account)
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return account

        return await operation.change(self._storage, caller, occasion, Target(account_id=above), body)

    async def update(
        self, caller: Caller, account_id: str, change: AccountChange, if_match: frozenset[int] | None = None
    ) -> Account:
        """Change an account and return it. While it is suspended, it and all below it get no tokens and no answers.

        Args:
            caller: who asks.
            account_id: which account.
            change: what to set.
            if_match: the versions that the account may have, None: any.

        Raises:
            AccessDenied: the caller is no admin client with `accounts:write`; or another owner is set and its token lacks a global
                resource.
            NotFound: there is no such account, or not in the caller's tree.
            PreconditionFailed: it has another version.
            Conflict: it would be suspended, and is the caller's own, or nobody above could manage it: see `keep_an_admin_above`.
        """
        caller.require(ACCOUNTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)

        async def body(transaction: Transaction) -> Account:
            old = await existing_account(caller, transaction, account_id, if_match)
            if change.status is AccountStatus.SUSPENDED and _is_own(caller, old):
                raise Conflict("An account cannot suspend itself: that is for the account above it.")
            new = changed(old, change, await occasion.stop(transaction))
            if new.status is AccountStatus.SUSPENDED and old.status is AccountStatus.ACTIVE:
                await keep_an_admin_above(caller, transaction, old)
            if new.owner_email != old.owner_email:
                ensure_holds(caller, RESOURCES)  # an account's owner may do everything in it
            # Also where nothing differs, so that the answer waits for the replica: see the update of a client.
            await transaction.accounts.replace(old, new)
            if new is not old:
                deed = _deed("account.update", new, old, new)
                await transaction.audit_events.append(audited(caller, deed, occasion))
            return new

        return await operation.change(self._storage, caller, occasion, Target(account_id=account_id), body)

    async def revoke_tokens(self, caller: Caller, account_id: str, if_match: frozenset[int] | None = None) -> Account:
        """Cut off every access token that the clients of an account and of those below it have been issued.

        Raises:
            AccessDenied: the caller is no admin client with `accounts:write`.
            NotFound: there is no such account, or not in the caller's tree.
            PreconditionFailed: it has another version.
        """
        caller.require(ACCOUNTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)

        async def body(transaction: Transaction) -> Account:
            old = await existing_account(caller, transaction, account_id, if_match)
            new = tokens_revoked(old, await occasion.stop(transaction))
            await transaction.accounts.replace(old, new)
            deed = _deed("account.revoke_tokens", new, old, new)
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return new

        return await operation.change(self._storage, caller, occasion, Target(account_id=account_id), body)

    async def delete(self, caller: Caller, account_id: str, if_match: frozenset[int] | None = None) -> None:
        """Delete an account that has no clients and no accounts below it; its id is never used again.

        Raises:
            AccessDenied: the caller is no admin client with `accounts:write`.
            NotFound: there is no such account, or not in the caller's tree.
            PreconditionFailed: it has another version.
            Conflict: it is not empty, or it is the caller's own, or the root account.
        """
        caller.require(ACCOUNTS_WRITE)
        occasion = draw_occasion(self._clock, self._random)

        async def body(transaction: Transaction) -> None:
            old = await existing_account(caller, transaction, account_id, if_match)
            if _is_own(caller, old) or old.parent_id is None:
                raise Conflict("The root account, and the account that one acts for, cannot be deleted.")
            if await transaction.accounts.count(AccountFilter(old.account_id)) > 1:
                raise Conflict("There are accounts below it. Delete them first.")
            if await transaction.clients.count(ClientFilter(old.account_id, status=ClientStatus.ANY)):
                raise Conflict("It has clients. Delete them first.")
            await transaction.accounts.delete(old, int(occasion.now))
            deed = _deed("account.delete", old, old, None)
            await transaction.audit_events.append(audited(caller, deed, occasion))

        await operation.change(self._storage, caller, occasion, Target(account_id=account_id), body)


def position(account: Account) -> Position:
    """Return where an account stands in a list."""
    return Position(account.date_created, account.account_id)


async def _parent(caller: Caller, transaction: Transaction, parent_id: str | None) -> Account:
    parent = await account_in_tree(caller, transaction, "parent_id", parent_id)
    if len(parent.path) >= MAX_DEPTH:
        raise BadRequest(f"parent_id: an account tree has at most {MAX_DEPTH} levels, and this account is on the last.")
    return parent


def _is_own(caller: Caller, account: Account) -> bool:
    return account.account_id in caller.own_accounts


def _deed(operation: str, account: Account, old: Account | None, new: Account | None) -> Deed:
    before, after = audit_event.difference(old, new)
    return Deed(operation, account.account_id, account.account_id, before, after)
