"""`clientry clients create` and `update`: every field of a client as a flag, the same for both."""

import asyncio
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from msgspec import UNSET

from clientry.cli.clients import FLAGS, apply_change
from clientry.cli.flags import settings_flags
from clientry.cli.output import print_json, say
from clientry.cli.registry import as_operator
from clientry.http.api.representations import created_body, encode
from clientry.opening import open_registry
from clientry.records.client import ClientChange, ClientType
from clientry.records.field import clean_email, clean_labels, clean_moment, clean_text, clean_token_lifetime
from clientry.records.scope import RESOURCES
from clientry.registry.clients import CreatedClient, NewClient
from clientry.settings import Settings, load

Several = Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)]
"""A flag that may be repeated."""


def register(app: App) -> None:
    """Add the commands to those on clients."""
    app.command(create)
    app.command(update)


@settings_flags(*FLAGS)
def create(
    *,
    name: str,
    type: Literal["admin", "standard"] = "standard",  # noqa: A002 - the flag is --type
    account: str | None = None,
    product: Several = (),
    resource: Several = (),
    client_owner: str | None = None,
    locked: bool | None = None,
    enabled: bool = True,
    token_lifetime: str = "1h",
    expires_at: str = "never",
    label: Several = (),
    json: bool = False,
    **flags: Any,
) -> None:
    """Create a client; its secret is shown this once.

    Args:
        name: what to call it.
        type: admin clients use the registry and every product, standard clients products only.
        account: whose it is; default: the root account's.
        product: a product that a standard client may use; repeat for several.
        resource: a global resource that an admin client may use; repeat for several; default: all of them.
        client_owner: the e-mail address of whoever answers for it; default: the account's owner.
        locked: protect it from changes; this does not stop it.
        enabled: let it get tokens.
        token_lifetime: seconds, or 1h, 24h, 30d, 24mo.
        expires_at: when it ends by itself, such as 2030-01-31T09:30:00Z; never: it does not.
        label: key:value; repeat for several.
        json: print what the API answers.
        flags: settings.
    """
    admin = type == "admin"
    unknown = sorted(set(resource) - set(RESOURCES))
    if unknown or (resource and not admin) or (product and admin):
        raise ValueError(
            f"--resource is for admin clients and one of {', '.join(RESOURCES)}; --product is for standard clients"
        )
    labels = clean_labels("--label", _labels(label))
    new = NewClient(
        name=name,
        locked=locked,
        products=product,
        account_id=account,
        client_type=ClientType(type),
        resources=tuple(name for name in RESOURCES if not resource or name in resource) if admin else (),
        client_owner=None if client_owner is None else clean_email("--client-owner", client_owner),
        enabled=enabled,
        token_lifetime=_lifetime(token_lifetime),
        expires_at=_end(expires_at),
        labels=tuple((key, value) for key, value in labels.items() if value is not None),
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


@settings_flags(*FLAGS)
def update(
    client_id: str,
    /,
    *,
    name: str | None = None,
    product: Annotated[tuple[str, ...] | None, Parameter(negative="--no-products")] = None,
    client_owner: str | None = None,
    locked: bool | None = None,
    enabled: bool | None = None,
    token_lifetime: str | None = None,
    expires_at: str | None = None,
    label: Several = (),
    remove_label: Several = (),
    json: bool = False,
    **flags: Any,
) -> None:
    """Change a client; what is not named stays as it is.

    Args:
        client_id: which one.
        name: what to call it.
        product: the products that a standard client may use from now on, instead of those that it has; repeat for several.
        client_owner: the e-mail address of whoever answers for it.
        locked: protect it from changes; this does not stop it.
        enabled: let it get tokens, or stop it.
        token_lifetime: seconds, or 1h, 24h, 30d, 24mo.
        expires_at: when it ends by itself, such as 2030-01-31T09:30:00Z; never: it does not.
        label: key:value to set; repeat for several.
        remove_label: the key of a label to remove; repeat for several.
        json: print what the API answers.
        flags: settings.
    """
    settings = load(flags).settings
    labels = _labels(label) | dict.fromkeys(remove_label)
    change = ClientChange(
        name=UNSET if name is None else clean_text("--name", name),
        locked=UNSET if locked is None else locked,
        enabled=UNSET if enabled is None else enabled,
        products=UNSET if product is None else tuple(dict.fromkeys(product)),
        client_owner=UNSET if client_owner is None else clean_email("--client-owner", client_owner),
        token_lifetime=UNSET if token_lifetime is None else _lifetime(token_lifetime),
        expires_at=UNSET if expires_at is None else _end(expires_at),
        labels=clean_labels("--label", labels) if labels else UNSET,
    )
    if change == ClientChange():
        raise ValueError(
            "there is nothing to change: name what to set, such as --name (clientry clients update --help)"
        )
    apply_change(client_id, change, settings, as_json=json)


def _labels(given: tuple[str, ...]) -> dict[str, str | None]:
    """Return labels to set. A label without a value is a slip, often of an empty variable, and never means removal."""
    labels: dict[str, str | None] = {}
    for text in given:
        key, _, value = text.partition(":")
        if not value:
            raise ValueError(f"--label {key!r} has no value: write key:value; --remove-label of `update` removes one")
        labels[key] = value
    return labels


def _lifetime(text: str) -> int:
    return clean_token_lifetime("--token-lifetime", int(text) if text.isdecimal() else text)


def _end(text: str) -> int | None:
    return None if text == "never" else clean_moment("--expires-at", text)
