"""Audit events: who changed what, in one hash chain per account.

Each event carries the hash of the one before it in its account, so that a row that was changed, removed or put in between shows.
"""

import hashlib
from typing import Final

import msgspec
from msgspec import UNSET, Struct

GENESIS: Final = bytes(32)
_UNTOLD: Final = frozenset({"salt", "scope_salts"})
"""Fields that say nothing to people; what changes them shows in others, or in the name of the operation."""
"""The `previous_hash` of an account's first event."""


class Change(Struct, frozen=True):
    """What an operation did, before it has its place in a chain.

    Attributes:
        event_id: its identifier.
        account_id: the account of the target.
        operation: e.g. `client.create`.
        actor: a client id, or `operator`.
        target: the id of what was changed.
        before: the fields that changed, as they were; never a secret.
        after: the same fields, as they are now.
        request_id: names the request.
        address: where it came from.
        at: seconds since 1970-01-01T00:00:00Z.
    """

    event_id: str
    account_id: str
    operation: str
    actor: str
    target: str
    before: dict[str, object]
    after: dict[str, object]
    request_id: str
    address: str
    at: int


class AuditEvent(Struct, frozen=True):
    """A change at its place in the chain of its account.

    Attributes:
        sequence: 1 for the account's first event.
        change: what happened.
        previous_hash: the hash of the event before it.
        hash: SHA-256 over all of the above.
    """

    sequence: int
    change: Change
    previous_hash: bytes
    hash: bytes


def difference(old: Struct | None, new: Struct | None) -> tuple[dict[str, object], dict[str, object]]:
    """Return the fields in which two states of a record differ, before and after; None: there was, or is, no such record."""
    before = _fields(old)
    after = _fields(new)
    differing = [name for name in before | after if before.get(name, UNSET) != after.get(name, UNSET)]
    return (
        {name: before[name] for name in differing if name in before},
        {name: after[name] for name in differing if name in after},
    )


def _fields(record: Struct | None) -> dict[str, object]:
    found: dict[str, object] = {} if record is None else msgspec.to_builtins(record)
    return {name: value for name, value in found.items() if name not in _UNTOLD}


def chain(change: Change, sequence: int, previous_hash: bytes) -> AuditEvent:
    """Put a change behind the event that has `previous_hash`."""
    return AuditEvent(sequence, change, previous_hash, _digest(change, sequence, previous_hash))


def follows(event: AuditEvent, previous: AuditEvent | None) -> bool:
    """Tell whether `event` is the unchanged successor of `previous` (None: of the beginning)."""
    sequence, hash_before = (previous.sequence, previous.hash) if previous else (0, GENESIS)
    return (
        event.sequence == sequence + 1
        and event.previous_hash == hash_before
        and event.hash == _digest(event.change, event.sequence, event.previous_hash)
    )


def _digest(change: Change, sequence: int, previous_hash: bytes) -> bytes:
    body = msgspec.json.encode([sequence, change], order="sorted")
    return hashlib.sha256(previous_hash + body).digest()
