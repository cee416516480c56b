"""`clientry clients list`, `show`, `create` and `update`: the operator's commands on clients, also while the server runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from cyclopts import App
from msgspec import UNSET

from clientry.cli.flags import PLACES, settings_flags
from clientry.cli.output import print_json, print_table, say
from clientry.cli.registry import as_operator, page_request, print_page, rows_of
from clientry.clock import rfc3339
from clientry.http.api.pagination import ListQuery
from clientry.http.api.representations import client_body, created_body, encode
from clientry.opening import Registry, open_registry
from clientry.records.caller import Caller
from clientry.records.client import Client, ClientChange, ClientType
from clientry.records.field import (
    clean_email,
    clean_label_filter,
    clean_labels,
    clean_moment,
    clean_text,
    clean_token_lifetime,
)
from clientry.records.scope import RESOURCES
from clientry.registry.clients import CreatedClient, NewClient
from clientry.settings import Settings, load
from clientry.storage import ClientFilter, ClientStatus

FLAGS = (*PLACES, "secret_prefix", "products", "public_url", "host", "port")

app = App(name="clients", help="List, show, create, update, rotate, disable, enable, delete and restore clients.")


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
    status: Literal["active", "disabled", "any"] = "active",
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
        status: active, disabled or any.
        labels: only clients with these labels, such as env:prod,team:billing.
        json: print what the API answers.
        flags: settings.
    """
    wanted = ClientFilter(
        within=None,
        account_id=account,
        client_type=None if client_type is None else ClientType(client_type),
        status=ClientStatus(status),
        name=name,
        client_owner=client_owner,
        labels=() if labels is None else clean_label_filter("--labels", labels),
    )
    given = {
        "client_type": client_type,
        "account_id": account,
        "name": name,
        "client_owner": client_owner,
        "status": None if status == "active" else status,
        "labels": labels,
    }
    filters = {key: value for key, value in given.items() if value is not None}
    query = ListQuery("/v1/clients", page_size, page_number, filters, root=None)
    asyncio.run(_list(load(flags).settings, wanted, query, as_json=json))


async def _list(settings: Settings, wanted: ClientFilter, query: ListQuery, *, as_json: bool) -> None:
    async with open_registry(settings) as registry:
        listing = await registry.clients.list(as_operator(registry), wanted, page_request(query.size, query.number))
        if as_json:
            await print_page(registry, query, listing, "clients", lambda row: client_body(row, registry.catalogue))
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


@app.command
@settings_flags(*FLAGS)
def create(
    *,
    name: str,
    type: Literal["admin", "standard"] = "standard",  # noqa: A002 - the flag is --type
    account: str | None = None,
    product: tuple[str, ...] = (),
    resource: tuple[str, ...] = (),
    token_lifetime: str = "1h",
    json: bool = False,
    **flags: Any,
) -> None:
    """Create a client; its secret is shown this once.

    Args:
        name: what to call it.
        type: admin clients use the registry and every product, standard clients products only.
        account: whose it is; default: the root account's.
        product: a product that a standard client may use; repeat for several.
        resource: a global resource that an admin client may use; default: all of them.
        token_lifetime: seconds, or 1h, 24h, 30d, 24mo.
        json: print what the API answers.
        flags: settings.
    """
    admin = type == "admin"
    unknown = sorted(set(resource) - set(RESOURCES))
    if unknown or (resource and not admin) or (product and admin):
        raise ValueError(
            f"--resource is for admin clients and one of {', '.join(RESOURCES)}; --product is for standard clients"
        )
    new = NewClient(
        name=name,
        locked=None,
        products=product,
        account_id=account,
        client_type=ClientType(type),
        resources=tuple(name for name in RESOURCES if not resource or name in resource) if admin else (),
        token_lifetime=_lifetime(token_lifetime),
    )
    created = asyncio.run(_create(load(flags).settings, new))
    if json:
        print_json(encode(created_body(created)))
        return
    say(f"Created {created.client.client_type.value} client {created.client.client_id}. Its secret, shown this once:")
    print(created.client_secret)


async def create_admin(settings: Settings, name: str) -> CreatedClient:
    """Create an admin client of the root account that may do everything."""
    return await _create(settings, NewClient(name, None, (), client_type=ClientType.ADMIN, resources=RESOURCES))


async def _create(settings: Settings, new: NewClient) -> CreatedClient:
    async with open_registry(settings) as registry:
        return await registry.clients.create(as_operator(registry), new)


@app.command
@settings_flags(*FLAGS)
def update(
    client_id: str,
    /,
    *,
    name: str | None = None,
    client_owner: str | None = None,
    token_lifetime: str | None = None,
    expires_at: str | None = None,
    label: tuple[str, ...] = (),
    json: bool = False,
    **flags: Any,
) -> None:
    """Change a client.

    Args:
        client_id: which one.
        name: what to call it.
        client_owner: the e-mail address of whoever answers for it.
        token_lifetime: seconds, or 1h, 24h, 30d, 24mo.
        expires_at: when it ends by itself, such as 2030-01-31T09:30:00Z; never: it does not.
        label: key:value to set, or key: to remove; repeat for several.
        json: print what the API answers.
        flags: settings.
    """
    settings = load(flags).settings
    labels = {key: value or None for key, _, value in (one.partition(":") for one in label)}
    change = ClientChange(
        name=UNSET if name is None else clean_text("--name", name),
        client_owner=UNSET if client_owner is None else clean_email("--client-owner", client_owner),
        token_lifetime=UNSET if token_lifetime is None else _lifetime(token_lifetime),
        expires_at=UNSET if expires_at is None else _end(expires_at),
        labels=clean_labels("--label", labels) if labels else UNSET,
    )
    apply_change(client_id, change, settings, as_json=json)


def _lifetime(text: str) -> int:
    return clean_token_lifetime("--token-lifetime", int(text) if text.isdecimal() else text)


def _end(text: str) -> int | None:
    return None if text == "never" else clean_moment("--expires-at", text)


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
        client = await operation(registry, as_operator(registry))
        if as_json:
            print_json(b'{"client":' + encode(client_body(client, registry.catalogue)) + b"}")
            return
        print_table("Client", ("id", "name", "type", "state", "owner", "since"), [_row(client)])

    asyncio.run(with_registry(settings, body))


def _row(client: Client) -> tuple[str, ...]:
    state = ("enabled" if client.enabled else "disabled") + (", locked" if client.locked else "")
    kind = client.client_type.value
    return client.client_id, client.name, kind, state, client.client_owner, rfc3339(client.date_created)
