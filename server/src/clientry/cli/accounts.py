"""`clientry accounts …`: the operator's commands on accounts, also while the server runs."""

import asyncio
from typing import Any

from cyclopts import App

from clientry.account_registry import NewAccount
from clientry.cli.flags import PLACES, settings_flags
from clientry.cli.output import print_json, print_table
from clientry.cli.registry import as_operator, page_request, print_page, rows_of
from clientry.clock import rfc3339
from clientry.config import Settings, load
from clientry.http.pagination import ListQuery
from clientry.http.representations import account_body, encode
from clientry.server import open_registry

FLAGS = (*PLACES, "public_url", "host", "port")

app = App(name="accounts", help="Create and list accounts.")


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
def list_accounts(*, page_size: int = 50, page_number: int = 1, json: bool = False, **flags: Any) -> None:
    """List accounts, newest first.

    Args:
        page_size: rows per page.
        page_number: 1 for the first page.
        json: print what the API answers.
        flags: settings.
    """
    query = ListQuery("/v1/accounts", page_size, page_number, {}, root=None)
    asyncio.run(_list(load(flags).settings, query, as_json=json))


async def _list(settings: Settings, query: ListQuery, *, as_json: bool) -> None:
    async with open_registry(settings) as registry:
        listing = await registry.accounts.list(as_operator(registry), page_request(query.size, query.number))
        if as_json:
            await print_page(registry, query, listing, "accounts", account_body)
            return
        rows = [
            (a.account_id, a.friendly_name, a.owner_email, a.parent_id or "", a.status.value, rfc3339(a.date_created))
            for a in await rows_of(listing)
        ]
        columns = ("id", "name", "owner", "parent", "status", "since")
        print_table(f"Accounts ({len(rows)} of {listing.count})", columns, rows)
