"""`clientry accounts …`: the operator's commands on accounts, also while the server runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from cyclopts import App
from msgspec import UNSET

from clientry.cli.flags import PLACES, settings_flags
from clientry.cli.output import print_fields, print_json, print_table, say
from clientry.cli.registry import as_operator, page_request, print_page, rows_of
from clientry.clock import rfc3339
from clientry.http.api.pagination import ListQuery
from clientry.http.api.representations import account_body, encode
from clientry.opening import open_registry
from clientry.records.account import Account, AccountChange, AccountStatus
from clientry.records.caller import Caller
from clientry.records.field import clean_email, clean_text
from clientry.registry.accounts import AccountRegistry, NewAccount
from clientry.settings import Settings, load
from clientry.storage import AccountFilter

FLAGS = (*PLACES, "public_url", "host", "port")

COLUMNS: Final = ("id", "name", "owner", "parent", "status", "since")

app = App(name="accounts", help="Create, list, show, change, suspend, resume and delete accounts.")


@app.command
@settings_flags(*FLAGS)
def create(*, name: str, owner_email: str, parent: str | None = None, json: bool = False, **flags: Any) -> None:
    """Create an account.

    Args:
        name: what to call it.
        owner_email: the address of its owner.
        parent: the account above it; default: the root account.
        json: print what the API answers.
        flags: settings.
    """
    asyncio.run(_create(load(flags).settings, NewAccount(name, owner_email, parent), as_json=json))


async def _create(settings: Settings, new: NewAccount, *, as_json: bool) -> None:
    async with open_registry(settings) as registry:
        account = await registry.accounts.create(as_operator(registry), new)
    if as_json:
        print_json(b'{"account":' + encode(account_body(account)) + b"}")
    else:
        print(account.account_id)


@app.command(name="list")
@settings_flags(*FLAGS)
def list_accounts(
    *,
    page_size: int = 50,
    page_number: int = 1,
    parent: str | None = None,
    status: Literal["ACTIVE", "SUSPENDED"] | None = None,
    name: str | None = None,
    owner_email: str | None = None,
    json: bool = False,
    **flags: Any,
) -> None:
    """List accounts, newest first.

    Args:
        page_size: rows per page.
        page_number: 1 for the first page.
        parent: only accounts directly below this one.
        status: only this status.
        name: only accounts whose name contains this text, whatever its case.
        owner_email: only accounts of this owner.
        json: print what the API answers.
        flags: settings.
    """
    wanted = AccountFilter(
        within=None,
        parent_id=parent,
        status=None if status is None else AccountStatus(status),
        friendly_name=name,
        owner_email=owner_email,
    )
    given = {"parent_id": parent, "status": status, "friendly_name": name, "owner_email": owner_email}
    filters = {key: value for key, value in given.items() if value is not None}
    query = ListQuery("/v1/accounts", page_size, page_number, filters, root=None)
    query.refuse_blank_filters()
    asyncio.run(_list(load(flags).settings, wanted, query, as_json=json))


async def _list(settings: Settings, wanted: AccountFilter, query: ListQuery, *, as_json: bool) -> None:
    async with open_registry(settings) as registry:
        listing = await registry.accounts.list(as_operator(registry), wanted, page_request(query.size, query.number))
        if as_json:
            await print_page(registry, query, listing, "accounts", account_body)
            return
        rows = [_row(account) for account in await rows_of(listing)]
        print_table(f"Accounts ({len(rows)} of {listing.count})", COLUMNS, rows)


@app.command
@settings_flags(*FLAGS)
def show(account_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Show one account.

    Args:
        account_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    _run(load(flags).settings, lambda accounts, caller: accounts.get(caller, account_id), as_json=json)


@app.command
@settings_flags(*FLAGS)
def update(
    account_id: str, /, *, name: str | None = None, owner_email: str | None = None, json: bool = False, **flags: Any
) -> None:
    """Change what an account is called and who owns it.

    Args:
        account_id: which one.
        name: what to call it.
        owner_email: the address of its owner; new clients get it, those that exist keep theirs.
        json: print what the API answers.
        flags: settings.
    """
    change = AccountChange(
        friendly_name=UNSET if name is None else clean_text("--name", name),
        owner_email=UNSET if owner_email is None else clean_email("--owner-email", owner_email),
    )
    if change == AccountChange():
        raise ValueError(
            "there is nothing to change: name what to set, such as --name (clientry accounts update --help)"
        )
    _update(account_id, change, load(flags).settings, as_json=json)


@app.command
@settings_flags(*FLAGS)
def suspend(account_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Stop an account and all below it: no tokens, and no answers of this API, from the next request on.

    Args:
        account_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    _update(account_id, AccountChange(status=AccountStatus.SUSPENDED), load(flags).settings, as_json=json)


@app.command
@settings_flags(*FLAGS)
def resume(account_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Let a suspended account work again; tokens from before stay dead.

    Args:
        account_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    _update(account_id, AccountChange(status=AccountStatus.ACTIVE), load(flags).settings, as_json=json)


@app.command(name="revoke-tokens")
@settings_flags(*FLAGS)
def revoke_tokens(account_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Cut off every access token of an account and of all below it; their clients can get new ones at once.

    Args:
        account_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    _run(load(flags).settings, lambda accounts, caller: accounts.revoke_tokens(caller, account_id), as_json=json)


@app.command
@settings_flags(*FLAGS)
def delete(account_id: str, /, **flags: Any) -> None:
    """Delete an account that has no clients and no accounts below it; its id is never used again.

    Args:
        account_id: which one.
        flags: settings.
    """
    asyncio.run(_delete(load(flags).settings, account_id))
    say(f"Deleted {account_id}.")


async def _delete(settings: Settings, account_id: str) -> None:
    async with open_registry(settings) as registry:
        await registry.accounts.delete(as_operator(registry), account_id)


def _update(account_id: str, change: AccountChange, settings: Settings, *, as_json: bool) -> None:
    _run(settings, lambda accounts, caller: accounts.update(caller, account_id, change), as_json=as_json)


def _run(
    settings: Settings, operation: Callable[[AccountRegistry, Caller], Awaitable[Account]], *, as_json: bool
) -> None:
    """Run one operation, and print the account that it returns."""

    async def body() -> Account:
        async with open_registry(settings) as registry:
            return await operation(registry.accounts, as_operator(registry))

    account = asyncio.run(body())
    if as_json:
        print_json(b'{"account":' + encode(account_body(account)) + b"}")
    else:
        print_fields("Account", account_body(account))


def _row(account: Account) -> tuple[str, ...]:
    parent, since = account.parent_id or "", rfc3339(account.date_created)
    return account.account_id, account.friendly_name, account.owner_email, parent, account.status.value, since
