"""The last admin client: of those that can manage an account, in it or above it, one always remains.

Whoever stops one claims its account, after it was changed and before others are looked for: so of two that are stopped at once the
second sees the first. The accounts above need no claim: of those that can manage them one remains by the same rule.
"""

from typing import Final

from clientry.errors import Conflict
from clientry.records.account import Account
from clientry.records.caller import Caller
from clientry.records.client import Client, ClientType
from clientry.records.manager import can_manage
from clientry.records.secret import ClientSecret
from clientry.registry.listing import client_position
from clientry.storage import ClientFilter, Slice, Start, Transaction

ADMINS_AT_A_TIME: Final = 20
"""Admin clients that are read at a time when one is looked for that can manage an account."""


async def keep_an_admin(
    caller: Caller, transaction: Transaction, before: Client, secrets: tuple[ClientSecret, ...] | None = None
) -> None:
    """Check, after a change that may keep a client from managing its account, that the account can still be managed.

    Args:
        caller: who made the change; the operator may all the same.
        transaction: in which it was made.
        before: the client before the change.
        secrets: its secrets before the change, None: they were not changed.

    Raises:
        Conflict: it could manage its account, and nobody can now.
    """
    if caller.may_stop_the_last_admin or before.client_type is not ClientType.ADMIN:
        return
    if not can_manage(before, await transaction.secrets.of(before.client_id) if secrets is None else secrets):
        return
    account = await transaction.accounts.claim(before.account_id)
    if account is not None and not await _is_managed(transaction, account.path):
        raise Conflict(
            "It is the last admin client that can manage its account: enabled, with clients:write, without an end, with a secret "
            "without an end. Against a leak, contain it with a new secret; to stop everything, suspend the account from above."
        )


async def keep_an_admin_above(caller: Caller, transaction: Transaction, account: Account) -> None:
    """Check, before an account is suspended, that it can be managed from above, or could not be managed in the first place.

    Args:
        caller: who suspends it; the operator may all the same.
        transaction: in which it will be; the account is claimed.
        account: the one that will be suspended, with all below it.

    Raises:
        Conflict: only clients that would be stopped can manage it, or an account below it.
    """
    if caller.may_stop_the_last_admin or await _is_managed(transaction, account.path[:-1]):
        return
    if await _finds_a_manager(transaction, ClientFilter(account.account_id, client_type=ClientType.ADMIN)):
        raise Conflict(
            "No admin client above the account could manage it: make one first that has clients:write and no end."
        )


async def _is_managed(transaction: Transaction, path: tuple[str, ...]) -> bool:
    """Tell whether one of the accounts on a path has a client that can manage it."""
    for account_id in reversed(path):
        account = await transaction.accounts.get(account_id)
        if account is None or account.suspended:
            continue
        admins = ClientFilter(account_id, account_id=account_id, client_type=ClientType.ADMIN)
        if await _finds_a_manager(transaction, admins):
            return True
    return False


async def _finds_a_manager(transaction: Transaction, admins: ClientFilter) -> bool:
    found = Slice[Client]((), more=True)
    while found.more:
        start = Start(after=client_position(found.items[-1])) if found.items else Start()
        found = await transaction.clients.slice(admins, start, ADMINS_AT_A_TIME)
        for client in found.items:
            if can_manage(client, await transaction.secrets.of(client.client_id)):
                # A list does not tell whether the account of a client is suspended.
                account = await transaction.accounts.get(client.account_id)
                if account is not None and not account.suspended:
                    return True
    return False
