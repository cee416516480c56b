"""What the rest of Clientry may know of storage: the protocols, and their values (`values.py`). No engine is imported here.

A `Storage` gives three things: point reads for the hot paths, `read` for several reads that belong together, and `write` for
changes. The body of a `read` or a `write` is an async function over its `Snapshot` or `Transaction` alone. It may be run again
after a conflict, so it draws its random values and reads its clock beforehand, and it awaits nothing but the transaction.

An answer of `write` means that the change is on disk. Every method of every protocol may raise `StorageUnavailable`, and only
`write` its subclass `OutcomeUnknown`: whether the change was made is then not known.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from clientry.records.account import Account
from clientry.records.audit_event import AuditEvent, Change
from clientry.records.client import Client
from clientry.records.secret import ClientSecret, UsedSecret
from clientry.records.signing_key import SealedKey
from clientry.storage.values import (
    AccountFilter,
    AlreadyTaken,
    ClientFilter,
    ClientStatus,
    Credentials,
    LostUpdate,
    Position,
    SecretUse,
    Slice,
    Start,
)

__all__ = [
    "AccountFilter",
    "AccountReads",
    "AccountWrites",
    "AlreadyTaken",
    "AnswerReads",
    "AnswerWrites",
    "AuditReads",
    "AuditWrites",
    "ClientFilter",
    "ClientReads",
    "ClientStatus",
    "ClientWrites",
    "Credentials",
    "KeyCheckReads",
    "KeyCheckWrites",
    "Listable",
    "LostUpdate",
    "Position",
    "SecretReads",
    "SecretUse",
    "SecretWrites",
    "SigningKeyReads",
    "SigningKeyWrites",
    "Slice",
    "Snapshot",
    "Start",
    "Storage",
    "Transaction",
]

T = TypeVar("T")
RecordT = TypeVar("RecordT")
FilterT_contra = TypeVar("FilterT_contra", contravariant=True)


class Listable(Protocol[FilterT_contra, RecordT]):
    """A kind of record that is listed newest first by (date_created, id)."""

    async def count(self, wanted: FilterT_contra) -> int:
        """Return exactly how many there are; its cost does not grow with them unless a text is filtered for."""
        ...

    async def slice(self, wanted: FilterT_contra, start: Start, limit: int) -> Slice[RecordT]:
        """Return at most `limit` records from `start` on, newest first."""
        ...

    async def back(self, wanted: FilterT_contra, before: Position, rows: int) -> Position | None:
        """Return the position `rows` rows newer than `before`, or the newest if there are fewer; None: there is none."""
        ...


class ClientReads(Listable[ClientFilter, Client], Protocol):
    """Reading clients."""

    async def get(self, client_id: str) -> Client | None:
        """Return the client, None where there is none or it was deleted."""
        ...

    async def deleted(self, client_id: str, since: int) -> Client | None:
        """Return a client that was deleted after the second `since` and can be restored, None where there is none."""
        ...

    async def expired(self, now: int, limit: int) -> tuple[str, ...]:
        """Return at most `limit` ids of enabled clients whose end has come."""
        ...


class ClientWrites(ClientReads, Protocol):
    """Reading and changing clients."""

    async def add(self, client: Client) -> None:
        """Add a new client; its id must never have been used, else `AlreadyTaken`."""
        ...

    async def add_all(self, clients: Sequence[Client]) -> None:
        """Add many new clients at once; their ids must never have been used, else `AlreadyTaken`."""
        ...

    async def replace(self, old: Client, new: Client) -> None:
        """Put `new` in the place of `old`; id, account and creation date stay. `LostUpdate` if it is no longer `old`."""
        ...

    async def delete(self, client: Client, at: int) -> None:
        """Delete a client; its id stays taken, and it can be restored. `LostUpdate` if it is no longer `client`.

        `at`: seconds since 1970-01-01T00:00:00Z.
        """
        ...

    async def restore(self, old: Client, new: Client) -> None:
        """Put a deleted client back, with the cut-off and the version of `new`. `LostUpdate` if it is no longer `old`."""
        ...

    async def purge(self, now: int, deleted_by: int, limit: int) -> int:
        """Delete for good what at most `limit` clients left that were deleted until `deleted_by`, and return how many."""
        ...


class SecretReads(Protocol):
    """Reading client secrets; the token path reads them with `Storage.credentials`."""

    async def of(self, client_id: str) -> tuple[ClientSecret, ...]:
        """Return every secret that is kept of a client, oldest first, also one that has ended by itself."""
        ...

    async def used(self, client_id: str, since_hour: int) -> tuple[UsedSecret, ...]:
        """Return the same with how they are used; uses are counted from `since_hour`, itself counted from 1970."""
        ...

    async def silent(self, now: int, after: str, limit: int) -> tuple[str, ...]:
        """Return at most `limit` ids of clients behind `after` that have a secret which ends because nobody uses it.

        It lives, and so does a newer one that is in use; and it was silent for as long as it may be since its last use, or since
        the newer one's birth.
        """
        ...


class SecretWrites(SecretReads, Protocol):
    """Reading and changing client secrets. Whoever changes them replaces their client, too: by that changes meet each other."""

    async def add(self, secret: ClientSecret) -> None:
        """Add a secret to its client."""
        ...

    async def add_all(self, secrets: Sequence[ClientSecret]) -> None:
        """Add secrets to many clients at once."""
        ...

    async def replace(self, secret: ClientSecret) -> None:
        """Change when a secret ends."""
        ...

    async def delete(self, secret: ClientSecret) -> None:
        """Delete a secret."""
        ...

    async def note_uses(self, uses: Sequence[SecretUse]) -> None:
        """Add up uses; a secret that is gone is passed over."""
        ...

    async def forget_uses(self, before_hour: int, limit: int) -> int:
        """Delete at most `limit` sums of hours before one, and return how many there were."""
        ...


class AccountReads(Listable[AccountFilter, Account], Protocol):
    """Reading accounts."""

    async def get(self, account_id: str) -> Account | None:
        """Return the account, None where there is none or it was deleted."""
        ...

    async def root(self) -> Account | None:
        """Return the root account, None in an empty database."""
        ...


class AccountWrites(AccountReads, Protocol):
    """Reading and changing accounts."""

    async def hold(self, account_id: str) -> Account | None:
        """Return the account, None where there is none; nobody deletes it until the transaction ends."""
        ...

    async def claim(self, account_id: str) -> Account | None:
        """Return the account, None where there is none; what counts on its clients and accounts waits till the transaction ends."""
        ...

    async def add(self, account: Account) -> None:
        """Add a new account; those on its path exist."""
        ...

    async def replace(self, old: Account, new: Account) -> None:
        """Put `new` in the place of `old`; id, path and creation date stay. `LostUpdate` if it is no longer `old`."""
        ...

    async def delete(self, account: Account, at: int) -> None:
        """Delete an account that has no clients and no accounts below it. `LostUpdate` if it is no longer `account`.

        `at`: seconds since 1970-01-01T00:00:00Z.
        """
        ...

    async def add_all(self, accounts: Sequence[Account]) -> None:
        """Add many new accounts at once; those on their paths exist, or come before them."""
        ...


class SigningKeyReads(Protocol):
    """Reading signing keys."""

    async def all(self) -> tuple[SealedKey, ...]:
        """Return every signing key, oldest first."""
        ...


class SigningKeyWrites(SigningKeyReads, Protocol):
    """Reading and adding signing keys."""

    async def add(self, key: SealedKey) -> None:
        """Add a signing key."""
        ...


class KeyCheckReads(Protocol):
    """Reading what each key that is kept outside the database makes of a constant."""

    async def get(self, name: str) -> bytes | None:
        """Return the value of a check, None where there is none."""
        ...


class KeyCheckWrites(KeyCheckReads, Protocol):
    """Reading and adding such checks."""

    async def add(self, name: str, value: bytes) -> None:
        """Add a check; its name must not be there, else `AlreadyTaken`."""
        ...


class AnswerReads(Protocol):
    """Reading the answers of requests that came with an idempotency key."""

    async def get(self, digest: bytes, now: int) -> bytes | None:
        """Return the sealed answer, None where there is none or it has expired."""
        ...


class AnswerWrites(AnswerReads, Protocol):
    """Reading and keeping such answers."""

    async def claim(self, digest: bytes, now: int, expires_at: int) -> bool:
        """Take a digest, and tell whether it was free; of two transactions that want it one waits for the other."""
        ...

    async def fill(self, digest: bytes, sealed: bytes) -> None:
        """Keep the answer under a digest that this transaction has claimed."""
        ...

    async def confirm(self, digest: bytes, now: int) -> bytes | None:
        """Return the same as `get`, and write it once more: when this transaction is on disk, then so is the answer."""
        ...

    async def purge(self, now: int, limit: int) -> int:
        """Delete at most `limit` answers that have expired, and return how many there were."""
        ...


class AuditReads(Protocol):
    """Reading audit events."""

    async def slice(self, account_id: str, after: int, limit: int) -> Slice[AuditEvent]:
        """Return at most `limit` events of the account with a sequence greater than `after`, oldest first."""
        ...

    async def accounts(self, after: str, limit: int) -> Slice[str]:
        """Return at most `limit` ids of accounts that have events, also of deleted ones, behind `after`, oldest first."""
        ...


class AuditWrites(AuditReads, Protocol):
    """Reading and writing audit events."""

    async def append(self, change: Change) -> AuditEvent:
        """Put a change at the end of the chain of its account."""
        ...


class Snapshot(Protocol):
    """One consistent state of the database."""

    @property
    def clients(self) -> ClientReads: ...  # noqa: D102
    @property
    def secrets(self) -> SecretReads: ...  # noqa: D102
    @property
    def accounts(self) -> AccountReads: ...  # noqa: D102
    @property
    def signing_keys(self) -> SigningKeyReads: ...  # noqa: D102
    @property
    def key_checks(self) -> KeyCheckReads: ...  # noqa: D102
    @property
    def answers(self) -> AnswerReads: ...  # noqa: D102
    @property
    def audit_events(self) -> AuditReads: ...  # noqa: D102


class Transaction(Protocol):
    """One change, whole or not at all."""

    @property
    def clients(self) -> ClientWrites: ...  # noqa: D102
    @property
    def secrets(self) -> SecretWrites: ...  # noqa: D102
    @property
    def accounts(self) -> AccountWrites: ...  # noqa: D102
    @property
    def signing_keys(self) -> SigningKeyWrites: ...  # noqa: D102
    @property
    def key_checks(self) -> KeyCheckWrites: ...  # noqa: D102
    @property
    def answers(self) -> AnswerWrites: ...  # noqa: D102
    @property
    def audit_events(self) -> AuditWrites: ...  # noqa: D102


class Storage(Protocol):
    """A database."""

    async def credentials(self, client_id: str) -> Credentials | None:
        """Return a client with its secrets, None where there is none. The token path's one read."""
        ...

    async def client(self, client_id: str) -> Client | None:
        """Return a client, None where there is none. What every bearer check reads."""
        ...

    async def account(self, account_id: str) -> Account | None:
        """Return an account, None where there is none."""
        ...

    async def read(self, body: Callable[[Snapshot], Awaitable[T]]) -> T:
        """Run `body` over one consistent state and return what it returns."""
        ...

    async def write(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` and commit what it changed; when it raises, nothing was changed and its exception is raised here."""
        ...

    async def check(self) -> None:
        """Return if the database can be read and written; what `/readyz` asks."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go of everything."""
        ...
