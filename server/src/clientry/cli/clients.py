"""`clientry clients …`: the operator's commands on clients, also while the server runs."""

import asyncio
import sys
from typing import Any, Literal

from cyclopts import App

from clientry.cli.flags import PLACES, settings_flags
from clientry.cli.output import print_json, print_table, say
from clientry.cli.registry import as_operator, page_request, print_page, rows_of
from clientry.client import Client, ClientChange, ClientType
from clientry.client_registry import CreatedClient, NewClient
from clientry.clock import rfc3339
from clientry.config import Settings, load
from clientry.field import clean_duration, clean_token_lifetime
from clientry.http.pagination import ListQuery
from clientry.http.representations import client_body, created_body, created_secret_body, encode, shown_secret_body
from clientry.scope import RESOURCES
from clientry.secret import MAX_OVERLAP, MIN_SILENCE
from clientry.secret_registry import NewSecret
from clientry.server import Registry, open_registry
from clientry.storage import ClientFilter, ClientStatus

FLAGS = (*PLACES, "secret_prefix", "products", "public_url", "host", "port")

app = App(name="clients", help="List, show, create, rotate, disable, enable and delete clients.")


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
    )
    given = {
        "client_type": client_type,
        "account_id": account,
        "name": name,
        "client_owner": client_owner,
        "status": None if status == "active" else status,
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

    async def body(registry: Registry) -> None:
        client = await registry.clients.get(as_operator(registry), client_id)
        _print_client(registry, client, as_json=json)

    asyncio.run(_with_registry(load(flags).settings, body))


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
    lifetime = int(token_lifetime) if token_lifetime.isdigit() else token_lifetime
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
        token_lifetime=clean_token_lifetime("token_lifetime", lifetime),
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
def disable(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Stop a client: it gets no token, and its tokens are refused by this API from the next request on.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    _update(client_id, ClientChange(enabled=False), load(flags).settings, as_json=json)


@app.command
@settings_flags(*FLAGS)
def enable(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Let a disabled client work again; tokens from before stay dead.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    _update(client_id, ClientChange(enabled=True), load(flags).settings, as_json=json)


@app.command
@settings_flags(*FLAGS)
def rotate(
    client_id: str,
    /,
    *,
    others_end_after: str = "24h",
    from_first_use: bool = False,
    others_end_when_silent_for: str | None = None,
    json: bool = False,
    **flags: Any,
) -> None:
    """Make a new secret, which is shown this once; the others end after a while.

    Args:
        client_id: which one.
        others_end_after: seconds, or 1h, 24h, 7d, 30d; 0 ends them now.
        from_first_use: count that from the first use of the new secret, and after 30 days at the latest.
        others_end_when_silent_for: end the others sooner, when they were not used for so long and the new one is.
        json: print what the API answers.
        flags: settings.
    """
    silence = others_end_when_silent_for
    new = NewSecret(
        others_end_after=_duration("--others-end-after", others_end_after, 0),
        from_first_use=from_first_use,
        others_silence=None if silence is None else _duration("--others-end-when-silent-for", silence, MIN_SILENCE),
    )

    async def body(registry: Registry) -> None:
        created = await registry.secrets.create(as_operator(registry), client_id, new)
        if json:
            print_json(encode(created_secret_body(created)))
            return
        say(f"A new secret of {client_id}, shown this once:")
        sys.stdout.write(created.client_secret + "\n")

    asyncio.run(_with_registry(load(flags).settings, body))


@app.command(name="secrets")
@settings_flags(*FLAGS)
def list_secrets(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """List a client's live secrets: how they end, how they are used, and whether they can go.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """

    async def body(registry: Registry) -> None:
        shown = await registry.secrets.list(as_operator(registry), client_id)
        bodies = [shown_secret_body(one) for one in shown]
        if json:
            print_json(b'{"secrets":' + encode(bodies) + b"}")
            return
        rows = [
            (one.secret_id, one.hint, one.expires_at or "", one.last_used.at if one.last_used else "never", one.reason)
            for one in bodies
        ]
        print_table("Secrets", ("id", "hint", "ends", "last used", "can it go?"), rows)

    asyncio.run(_with_registry(load(flags).settings, body))


@app.command(name="end-secret")
@settings_flags(*FLAGS)
def end_secret(client_id: str, secret_id: str, /, **flags: Any) -> None:
    """End a secret now.

    Args:
        client_id: whose it is.
        secret_id: which one.
        flags: settings.
    """

    async def body(registry: Registry) -> None:
        await registry.secrets.delete(as_operator(registry), client_id, secret_id)

    asyncio.run(_with_registry(load(flags).settings, body))
    say(f"Ended {secret_id}.")


@app.command(name="revoke-tokens")
@settings_flags(*FLAGS)
def revoke_tokens(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Cut off every access token that a client was issued so far; it can get new ones at once.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """

    async def body(registry: Registry) -> None:
        client = await registry.clients.revoke_tokens(as_operator(registry), client_id)
        _print_client(registry, client, as_json=json)

    asyncio.run(_with_registry(load(flags).settings, body))


@app.command
@settings_flags(*FLAGS)
def delete(client_id: str, /, **flags: Any) -> None:
    """Delete a client; its id is never used again.

    Args:
        client_id: which one.
        flags: settings.
    """

    async def body(registry: Registry) -> None:
        await registry.clients.delete(as_operator(registry), client_id)

    asyncio.run(_with_registry(load(flags).settings, body))
    say(f"Deleted {client_id}.")


def _duration(flag: str, text: str, shortest: int) -> int:
    return clean_duration(flag, int(text) if text.isdecimal() else text, shortest, MAX_OVERLAP)


def _update(client_id: str, change: ClientChange, settings: Settings, *, as_json: bool) -> None:
    async def body(registry: Registry) -> None:
        client = await registry.clients.update(as_operator(registry), client_id, change)
        _print_client(registry, client, as_json=as_json)

    asyncio.run(_with_registry(settings, body))


async def _with_registry(settings: Settings, body: Any) -> None:
    async with open_registry(settings) as registry:
        await body(registry)


def _print_client(registry: Registry, client: Client, *, as_json: bool) -> None:
    if as_json:
        print_json(b'{"client":' + encode(client_body(client, registry.catalogue)) + b"}")
        return
    print_table("Client", ("id", "name", "type", "state", "owner", "since"), [_row(client)])


def _row(client: Client) -> tuple[str, ...]:
    state = ("enabled" if client.enabled else "disabled") + (", locked" if client.locked else "")
    kind = client.client_type.value
    return client.client_id, client.name, kind, state, client.client_owner, rfc3339(client.date_created)
