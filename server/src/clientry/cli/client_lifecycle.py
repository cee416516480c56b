"""`clientry clients disable`, `enable`, `revoke-tokens`, `delete` and `restore`: clients are stopped, and work again."""

import asyncio
from typing import Any

from cyclopts import App

from clientry.cli.clients import FLAGS, apply_change, print_client, with_registry
from clientry.cli.flags import settings_flags
from clientry.cli.output import say
from clientry.cli.registry import as_operator
from clientry.opening import Registry
from clientry.records.client import ClientChange
from clientry.settings import load


def register(app: App) -> None:
    """Add the commands to those on clients."""
    for command in (disable, enable, delete, restore):
        app.command(command)
    app.command(revoke_tokens, name="revoke-tokens")


@settings_flags(*FLAGS)
def disable(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Stop a client: it gets no token, and its tokens are refused by this API from the next request on.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    apply_change(client_id, ClientChange(enabled=False), load(flags).settings, as_json=json)


@settings_flags(*FLAGS)
def enable(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Let a disabled client work again; tokens from before stay dead.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    apply_change(client_id, ClientChange(enabled=True), load(flags).settings, as_json=json)


@settings_flags(*FLAGS)
def revoke_tokens(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Cut off every access token that a client was issued so far; it can get new ones at once.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    print_client(
        load(flags).settings, lambda registry, caller: registry.clients.revoke_tokens(caller, client_id), as_json=json
    )


@settings_flags(*FLAGS)
def delete(client_id: str, /, **flags: Any) -> None:
    """Delete a client; it can be restored for a while, and its id is never used again.

    Args:
        client_id: which one.
        flags: settings.
    """

    async def body(registry: Registry) -> None:
        await registry.lifecycle.delete(as_operator(registry), client_id)

    asyncio.run(with_registry(load(flags).settings, body))
    say(f"Deleted {client_id}.")


@settings_flags(*FLAGS)
def restore(client_id: str, /, *, json: bool = False, **flags: Any) -> None:
    """Bring a deleted client back, with its secrets; tokens from before stay dead.

    Args:
        client_id: which one.
        json: print what the API answers.
        flags: settings.
    """
    print_client(
        load(flags).settings, lambda registry, caller: registry.lifecycle.restore(caller, client_id), as_json=json
    )
