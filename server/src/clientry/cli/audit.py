"""`clientry audit …`: who changed what, and whether the trail is whole."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from cyclopts import App

from clientry.cli.flags import PLACES, settings_flags
from clientry.cli.output import print_json, print_table, say
from clientry.clock import rfc3339
from clientry.opening import Registry, open_registry
from clientry.records.audit_event import AuditEvent, follows
from clientry.settings import Settings, load
from clientry.storage import Slice, Storage

CHUNK = 500

app = App(name="audit", help="Read the audit trail, and check that nobody changed it.")


@app.command(name="list")
@settings_flags(*PLACES)
def list_events(*, account: str | None = None, json: bool = False, **flags: Any) -> None:
    """List audit events, account by account, oldest first.

    Args:
        account: only this account's.
        json: print one list of objects.
        flags: settings.
    """
    asyncio.run(_list(load(flags).settings, account, as_json=json))


async def _list(settings: Settings, account: str | None, *, as_json: bool) -> None:
    async with open_registry(settings) as registry:
        accounts = await _accounts(registry, account)
        events = [event for name in accounts async for event in _events(registry.storage, name)]
    if as_json:
        print_json(msgspec.json.encode([_shown(event) for event in events]))
        return
    rows = [
        (rfc3339(e.change.at), e.change.actor, e.change.operation, e.change.target, ", ".join(e.change.after))
        for e in events
    ]
    print_table("Audit events", ("when", "who", "did", "to", "fields"), rows)


@app.command
@settings_flags(*PLACES)
def verify(*, account: str | None = None, **flags: Any) -> None:
    """Check the hash chain of every account; exit code 1 if a row was changed, removed or put in between, or if there is none.

    Args:
        account: only this account's.
        flags: settings.
    """
    broken = asyncio.run(_verify(load(flags).settings, account))
    if broken:
        sys.exit(1)


async def _verify(settings: Settings, account: str | None) -> int:
    """Return how many chains are not whole: one without any events counts, because nothing of it was checked."""
    broken = 0
    async with open_registry(settings) as registry:
        accounts = await _accounts(registry, account)
        for name in accounts:
            previous: AuditEvent | None = None
            async for event in _events(registry.storage, name):
                if not follows(event, previous):
                    say(f"{name}: the chain breaks at event {event.sequence}.")
                    broken += 1
                    break
                previous = event
            if previous is None and not broken:
                say(f"{name}: there are no events of such an account, so nothing was checked.")
                return 1
    if not accounts:
        say("There are no events, so nothing was checked.")
        return 1
    say(f"{len(accounts)} chains checked, {broken} broken.")
    return broken


async def _accounts(registry: Registry, account: str | None) -> list[str]:
    if account is not None:
        return [account]
    found: list[str] = []
    more = True
    while more:
        part = await _accounts_after(registry.storage, found[-1] if found else "")
        found += part.items
        more = part.more
    return found


async def _accounts_after(storage: Storage, after: str) -> Slice[str]:
    return await storage.read(lambda snapshot: snapshot.audit_events.accounts(after, CHUNK))


async def _events(storage: Storage, account: str) -> AsyncIterator[AuditEvent]:
    after = 0
    more = True
    while more:
        part = await _part(storage, account, after)
        for event in part.items:
            yield event
            after = event.sequence
        more = part.more


async def _part(storage: Storage, account: str, after: int) -> Slice[AuditEvent]:
    return await storage.read(lambda snapshot: snapshot.audit_events.slice(account, after, CHUNK))


def _shown(event: AuditEvent) -> dict[str, object]:
    change = msgspec.structs.asdict(event.change)
    change["at"] = rfc3339(event.change.at)
    return {"sequence": event.sequence, **change, "hash": event.hash.hex()}
