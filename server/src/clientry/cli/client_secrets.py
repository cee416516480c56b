"""`clientry clients rotate`, `secrets`, `end-secret` and `contain`: the operator's commands on the secrets of a client."""

import asyncio
import sys
from typing import Any

from cyclopts import App

from clientry.cli.clients import FLAGS, show_client, with_registry
from clientry.cli.flags import settings_flags
from clientry.cli.output import print_json, print_table, say
from clientry.cli.registry import as_operator
from clientry.http.api.representations import created_secret_body, encode, shown_secret_body
from clientry.opening import Registry
from clientry.records.field import clean_duration
from clientry.records.secret import MAX_OVERLAP, MIN_SILENCE
from clientry.registry.secrets import CreatedSecret, NewSecret
from clientry.settings import load


def register(app: App) -> None:
    """Add the commands to those on clients."""
    app.command(rotate)
    app.command(contain)
    app.command(list_secrets, name="secrets")
    app.command(end_secret, name="end-secret")


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
        _print_secret(await registry.secrets.create(as_operator(registry), client_id, new), as_json=json)

    asyncio.run(with_registry(load(flags).settings, body))


@settings_flags(*FLAGS)
def contain(client_id: str, /, *, new_secret: bool = False, json: bool = False, **flags: Any) -> None:
    """Stop a leak: end every secret of a client and revoke every token, at once; also while it is locked.

    Args:
        client_id: which one.
        new_secret: give it a new secret, which is shown this once; not while it is locked.
        json: print what the API answers.
        flags: settings.
    """

    async def body(registry: Registry) -> None:
        contained = await registry.secrets.contain(as_operator(registry), client_id, new_secret=new_secret)
        if contained.created is not None:
            _print_secret(contained.created, as_json=json)
        else:
            show_client(registry, contained.client, as_json=json)

    asyncio.run(with_registry(load(flags).settings, body))


def _print_secret(created: CreatedSecret, *, as_json: bool) -> None:
    if as_json:
        print_json(encode(created_secret_body(created)))
        return
    say(f"A new secret of {created.kept.client_id}, shown this once:")
    sys.stdout.write(created.client_secret + "\n")


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

    asyncio.run(with_registry(load(flags).settings, body))


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

    asyncio.run(with_registry(load(flags).settings, body))
    say(f"Ended {secret_id}.")


def _duration(flag: str, text: str, shortest: int) -> int:
    return clean_duration(flag, int(text) if text.isdecimal() else text, shortest, MAX_OVERLAP)
