"""Rows and records: how each record is laid out in its table."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import structs

from clientry.records.account import Account, AccountStatus
from clientry.records.audit_event import AuditEvent, Change
from clientry.records.client import Client, ClientType
from clientry.records.incarnation import EventPlace, Incarnation
from clientry.records.secret import ClientSecret, UsedSecret
from clientry.records.signing_key import Algorithm, SealedKey
from clientry.storage import ClientFilter

Row = tuple[Any, ...]

_SECRET: Final = 18
"""The first column of the secret in a row of credentials, or of the account in a row of a kept client."""
_REMEMBERED: Final = 4_096
"""Paths whose stops are not read again."""
_TYPES = {kind.value: kind for kind in ClientType}


def fold(text: str) -> str:
    """Return text as it is compared: whatever its case and composition, alike on every engine."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def client_of(row: Row) -> Client:
    """Read a client."""
    locked = row[6]
    salt, scope_salts = salts_of(row[16]) if row[16] else ("", ())
    path, cutoff, salts = line_of(row[2], row[17])
    return Client(
        row[0],
        row[1],
        path,
        row[3],
        row[4],
        _TYPES[row[5]],
        None if locked is None else bool(locked),
        bool(row[7]),
        tuple(row[8].split()),
        tuple(row[9].split()),
        row[10],
        row[11],
        row[12],
        row[13],
        row[14],
        labels_of(row[15]) if row[15] else (),
        salt,
        scope_salts,
        cutoff,
        salts,
    )


@lru_cache(_REMEMBERED)
def line_of(path: str, stops: str | None) -> tuple[tuple[str, ...], int, tuple[str, ...]]:
    """Read the accounts on a path, their latest cutoff, and their salts: none at all where no account has one.

    Args:
        path: their ids from the root on, joined by `/`.
        stops: `id cutoff salt,id cutoff salt` of those that were ever stopped; None or empty: none was.
    """
    accounts = tuple(path.split("/"))
    found = {
        one: (int(cutoff), salt) for one, cutoff, salt in (stop.split(" ") for stop in (stops or "").split(",") if stop)
    }
    salts = tuple(found.get(account_id, (0, ""))[1] for account_id in accounts)
    return accounts, max((cutoff for cutoff, _ in found.values()), default=0), salts if any(salts) else ()


def kept_client_of(rows: list[Row], path: tuple[str, ...], replaced: Mapping[str, Client | Account]) -> Client:
    """Read a client beside the accounts of a path, as they were before a transaction replaced some of them itself."""
    accounts = {row[_SECRET]: (row[_SECRET + 1], row[_SECRET + 2]) for row in rows}
    accounts |= {one.account_id: (one.cutoff, one.salt) for one in replaced.values() if isinstance(one, Account)}
    stops = ",".join(f"{one} {accounts[one][0]} {accounts[one][1]}" for one in path if accounts[one][0])
    client = client_of((*rows[0][:2], "/".join(path), *rows[0][3 : _SECRET - 1], stops))
    before = replaced.get(client.client_id)
    if not isinstance(before, Client):
        return client
    return structs.replace(before, account_cutoff=client.account_cutoff, account_salts=client.account_salts)


def salts_of(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Read the salts of a client and of its scopes from `salt scope salt scope salt`; no scope has a space in it."""
    own, *pairs = text.split(" ")
    return own, tuple(zip(pairs[::2], pairs[1::2], strict=True))


def salts_text(client: Client) -> str:
    """Write the salts of a client and of its scopes; empty where there is none."""
    if not client.scope_salts:
        return client.salt
    return " ".join((client.salt, *(word for pair in client.scope_salts for word in pair)))


def labels_of(text: str) -> tuple[tuple[str, str], ...]:
    """Read labels from `,key:value,key:value,`; no key has a colon in it, no value a comma."""
    return tuple((key, value) for key, _, value in (pair.partition(":") for pair in text[1:-1].split(",")))


def labels_text(labels: tuple[tuple[str, str], ...]) -> str:
    """Write labels so that `,key:value,` is in the text exactly if the client has this one."""
    return "".join(f",{key}:{value}" for key, value in labels) + "," if labels else ""


def secrets_of(rows: list[Row]) -> tuple[ClientSecret, ...]:
    """Read the secrets from the ends of rows of credentials; a client that has none has one row without."""
    return tuple(
        ClientSecret(row[_SECRET], row[0], bytes(row[_SECRET + 1]), *row[_SECRET + 2 : _SECRET + 7])
        for row in rows
        if row[_SECRET] is not None
    )


def filter_texts(wanted: ClientFilter) -> tuple[str, ...]:
    """Write what a filter looks for in the clients themselves, in the order of the parameters of the statements."""
    folded = tuple(fold(text) for text in (wanted.name, wanted.client_owner) if text is not None)
    return folded + tuple(labels_text((label,)) for label in wanted.labels)


def client_row(client: Client) -> Row:
    """Write a new client."""
    return (
        client.client_id,
        client.account_id,
        "/".join(client.account_path),
        client.name,
        fold(client.name),
        client.client_owner,
        fold(client.client_owner),
        client.client_type.value,
        client.locked,
        client.enabled,
        " ".join(client.products),
        " ".join(client.resources),
        client.token_lifetime,
        client.date_created,
        client.tokens_valid_from,
        client.version,
        client.expires_at,
        labels_text(client.labels),
        salts_text(client),
    )


def client_change_row(old: Client, new: Client) -> Row:
    """Write a changed client."""
    return (
        new.name,
        fold(new.name),
        new.client_owner,
        fold(new.client_owner),
        new.locked,
        new.enabled,
        " ".join(new.products),
        " ".join(new.resources),
        new.token_lifetime,
        new.tokens_valid_from,
        new.expires_at,
        labels_text(new.labels),
        salts_text(new),
        new.version,
        old.client_id,
        old.version,
    )


def secret_row(secret: ClientSecret) -> Row:
    """Write a secret."""
    return (
        secret.secret_id,
        secret.client_id,
        secret.verifier,
        secret.hint,
        secret.date_created,
        secret.expires_at,
        secret.grace,
        secret.silence,
    )


def used_secret_of(row: Row) -> UsedSecret:
    """Read a secret with its use."""
    return UsedSecret(ClientSecret(row[0], row[1], bytes(row[2]), *row[3:8]), *row[8:12])


def account_of(row: Row) -> Account:
    """Read an account."""
    path, cutoff, salts = line_of(row[1], row[9])
    return Account(
        row[0],
        path,
        row[2],
        row[3],
        AccountStatus(row[4]),
        row[5],
        row[6],
        row[7],
        row[8],
        cutoff,
        salts,
    )


def account_row(account: Account) -> Row:
    """Write an account."""
    return (
        account.account_id,
        "/".join(account.path),
        account.friendly_name,
        account.owner_email,
        account.status.value,
        account.date_created,
        account.version,
        fold(account.friendly_name),
        fold(account.owner_email),
        account.cutoff,
        account.salt,
    )


def account_change_row(old: Account, new: Account) -> Row:
    """Write a changed account."""
    return (
        new.friendly_name,
        fold(new.friendly_name),
        new.owner_email,
        fold(new.owner_email),
        new.status.value,
        new.cutoff,
        new.salt,
        new.version,
        old.account_id,
        old.version,
    )


def signing_key_of(row: Row) -> SealedKey:
    """Read a signing key."""
    return SealedKey(row[0], Algorithm(row[1]), bytes(row[2]), row[3], bool(row[4]))


def event_of(row: Row) -> AuditEvent:
    """Read an audit event."""
    change = Change(
        event_id=row[2],
        account_id=row[0],
        operation=row[3],
        actor=row[4],
        target=row[5],
        before=msgspec.json.decode(row[6]),
        after=msgspec.json.decode(row[7]),
        request_id=row[8],
        address=row[9],
        at=row[10],
    )
    return AuditEvent(row[1], change, bytes(row[11]), bytes(row[12]))


def event_row(event: AuditEvent) -> Row:
    """Write an audit event."""
    change = event.change
    return (
        change.account_id,
        event.sequence,
        change.event_id,
        change.operation,
        change.actor,
        change.target,
        msgspec.json.encode(change.before).decode(),
        msgspec.json.encode(change.after).decode(),
        change.request_id,
        change.address,
        change.at,
        event.previous_hash,
        event.hash,
    )


def incarnation_of(row: Row) -> Incarnation:
    """Read what the database says about itself."""
    return Incarnation(row[0], None if row[1] is None else EventPlace(row[1], row[2], bytes(row[3])))


def incarnation_row(incarnation: Incarnation) -> Row:
    """Write what the database says about itself."""
    latest = incarnation.latest
    event = (None, None, None) if latest is None else (latest.account_id, latest.sequence, latest.hash)
    return (incarnation.incarnation_id, *event)
