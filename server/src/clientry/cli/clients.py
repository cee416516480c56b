"""`clientry clients list` and `show`, and what the commands on clients share; all of them also while the server runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from cyclopts import App

from clientry.cli.flags import PLACES, settings_flags
from clientry.cli.output import print_fields, print_json, print_table
from clientry.cli.registry import as_operator, page_request, print_page, rows_of
from clientry.clock import rfc3339
from clientry.http.api.pagination import ListQuery
from clientry.http.api.representations import ClientBody, client_body, encode
from clientry.opening import Registry, open_registry
from clientry.records.caller import Caller
from clientry.records.client import Client, ClientChange, ClientType
from clientry.records.field import clean_label_filter
from clientry.settings import Settings, load
from clientry.storage import ClientFilter, ClientStatus

FLAGS = (*PLACES, "secret_prefix", "products", "public_url", "host", "port")

app = App(
    name="clients", help="List, show, create, update, rotate, contain, disable, enable, delete and restore clients."
)


@app.command(name="list")
@settings_flags(*FLAGS)
def list_clients(
    *,
    page_size: int = 50,
    page_number: int = 1,
    client_type: Literal["admin", "standard"] | None = None,
    account: str | None = None,
    name: str | None = None,
    client_owner: str | None = None,
    status: ClientStatus = ClientStatus.ACTIVE,
    labels: str | None = None,
    json: bool = False,
    **flags: Any,
) -> None:
    """List clients, newest first.

    Args:
        page_size: rows per page.
        page_number: 1 for the first page.
        client_type: only this type.
        account: only clients of exactly this account.
        name: only clients whose name contains this text, whatever its case.
        client_owner: only clients of this owner.
        status: only those in this state; deleted: those that can be restored.
        labels: only clients with these labels, such as env:prod,team:billing.
        json: print what the API answers.
        flags: settings.
    """
    wanted = ClientFilter(
        within=None,
        account_id=account,
        client_type=None if client_type is None else ClientType(client_type),
        status=status,
        name=name,
        client_owner=client_owner,
        labels=() if labels is None else clean_label_filter("--labels", labels),
    )
    given = {
        "client_type": client_type,
        "account_id": account,
        "name": name,
        "client_owner": client_owner,
        "status": None if status is ClientStatus.ACTIVE else status.value,
        "labels": labels,
    }
    filters = {key: value for key, value in given.items() if value is not None}
    query = ListQuery("/v1/clients", page_size, page_number, filters, root=None)
    query.refuse_blank_filters()
    asyncio.run(_list(load(flags).settings, wanted, query, as_json=json))


async def _list(settings: Settings, wanted: ClientFilter, query: ListQuery, *, as_json: bool) -> None:
    async with open_registry(settings) as registry:
        lifecycle, page = registry.lifecycle, page_request(query.size, query.number)
        find = lifecycle.list_deleted if wanted.status is ClientStatus.DELETED else registry.clients.list
        listing = await find(as_operator(registry), wanted, page)
        if as_json:

            def body(client: Client) -> ClientBody:
                return client_body(client, registry.catalogue, lifecycle.restorable_until(client))

            await print_page(registry, query, listing, "clients", body)
            return
        rows = [_row(client) for client in await rows_of(listing)]
        print_table(
            f"Clients ({len(rows)} of {listing.count})", ("id", "name", "type", "state", "owner", "since"), rows
        )


@app.command
@settings_flags(*FLAGS)
def show(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Show one client.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    print_client(load(flags).settings, lambda registry, caller: registry.clients.get(caller, client_id), as_json=json)


def apply_change(client_id: str, change: ClientChange, settings: Settings, *, as_json: bool) -> None:
    """Change a client and print it."""
    print_client(settings, lambda registry, caller: registry.clients.update(caller, client_id, change), as_json=as_json)


async def with_registry(settings: Settings, body: Callable[[Registry], Awaitable[None]]) -> None:
    """Open the registry, do something with it, and close it again."""
    async with open_registry(settings) as registry:
        await body(registry)


def print_client(
    settings: Settings, operation: Callable[[Registry, Caller], Awaitable[Client]], *, as_json: bool
) -> None:
    """Do something as the operator that returns a client, and print the client."""

    async def body(registry: Registry) -> None:
        show_client(registry, await operation(registry, as_operator(registry)), as_json=as_json)

    asyncio.run(with_registry(settings, body))


def show_client(registry: Registry, client: Client, *, as_json: bool) -> None:
    """Print a client."""
    body = client_body(client, registry.catalogue)
    if as_json:
        print_json(b'{"client":' + encode(body) + b"}")
        return
    print_fields("Client", body)


def _row(client: Client) -> tuple[str, ...]:
    switch = "deleted" if client.deleted_at is not None else "enabled" if client.enabled else "disabled"
    state = switch + (", locked" if client.locked else "")
    kind = client.client_type.value
    return client.client_id, client.name, kind, state, client.client_owner, rfc3339(client.date_created)
