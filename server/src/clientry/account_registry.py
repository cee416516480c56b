"""The registry of accounts. Every operation takes the caller first, and checks, does and audits in one transaction."""

from msgspec import Struct

from clientry import audit_event
from clientry.account import MAX_DEPTH, Account, AccountStatus
from clientry.caller import Caller
from clientry.clock import Clock
from clientry.errors import BadRequest
from clientry.field import clean_email, clean_text
from clientry.identifier import ACCOUNT_PREFIX, new_id
from clientry.listing import Listed, Listing, PageRequest, open_listing
from clientry.operation import Deed, account_in_tree, audited, draw_occasion, ensure_still_valid, require
from clientry.randomness import Random
from clientry.scope import ACCOUNTS_READ, ACCOUNTS_WRITE
from clientry.storage import AccountFilter, Position, Storage, Transaction


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

    async def list(self, caller: Caller, page: PageRequest) -> Listing[Account]:
        """Return a page of the caller's account and all below it, newest first.

        Raises:
            AccessDenied: the caller is no admin client with `accounts:read`.
        """
        require(caller, ACCOUNTS_READ)
        wanted = AccountFilter(within=caller.root)
        return await open_listing(self._storage, Listed(wanted, lambda snapshot: snapshot.accounts, position), page)

    async def create(self, caller: Caller, new: NewAccount) -> Account:
        """Create an account below another one.

        Raises:
            AccessDenied: the caller is no admin client with `accounts:write`.
            BadRequest: a field is not what it must be, or the tree would become too deep.
            NotFound: the parent is not in the caller's tree, or nowhere.
        """
        require(caller, ACCOUNTS_WRITE)
        friendly_name = clean_text("friendly_name", new.friendly_name)
        owner_email = clean_email("owner_email", new.owner_email)
        occasion = draw_occasion(self._clock, self._random)
        account_id = new_id(ACCOUNT_PREFIX, self._clock, self._random)

        async def body(transaction: Transaction) -> Account:
            await ensure_still_valid(caller, transaction)
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
            before, after = audit_event.difference(None, account)
            deed = Deed("account.create", account_id, account_id, before, after)
            await transaction.audit_events.append(audited(caller, deed, occasion))
            return account

        return await self._storage.write(body)


def position(account: Account) -> Position:
    """Return where an account stands in a list."""
    return Position(account.date_created, account.account_id)


async def _parent(caller: Caller, transaction: Transaction, parent_id: str | None) -> Account:
    parent = await account_in_tree(caller, transaction, "parent_id", parent_id)
    if len(parent.path) >= MAX_DEPTH:
        raise BadRequest(f"parent_id: an account tree has at most {MAX_DEPTH} levels, and this account is on the last.")
    return parent
