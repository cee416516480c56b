"""A database: its point reads, its consistent states and its changes."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from clientry.records.account import Account
from clientry.records.client import Client
from clientry.records.incarnation import EventPlace
from clientry.storage.forms import Forms
from clientry.storage.protocols.accounts import AccountReads, AccountWrites
from clientry.storage.protocols.answers import AnswerReads, AnswerWrites
from clientry.storage.protocols.audit_events import AuditReads, AuditWrites
from clientry.storage.protocols.clients import ClientReads, ClientWrites
from clientry.storage.protocols.forms import FormReads
from clientry.storage.protocols.incarnations import IncarnationReads, IncarnationWrites
from clientry.storage.protocols.key_checks import KeyCheckReads, KeyCheckWrites
from clientry.storage.protocols.listable import Listable
from clientry.storage.protocols.secrets import SecretReads, SecretWrites
from clientry.storage.protocols.signing_keys import SigningKeyReads, SigningKeyWrites
from clientry.storage.protocols.verifiers import VerifierReads, VerifierWrites
from clientry.storage.values import ClientFilter, Credentials

T = TypeVar("T")


class Snapshot(Protocol):
    """One consistent state of the database."""

    @property
    def clients(self) -> ClientReads: ...  # noqa: D102
    @property
    def deleted_clients(self) -> Listable[ClientFilter, Client]: ...  # noqa: D102
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
    @property
    def verifiers(self) -> VerifierReads: ...  # noqa: D102
    @property
    def incarnations(self) -> IncarnationReads: ...  # noqa: D102


class Transaction(Protocol):
    """One change, whole or not at all."""

    @property
    def clients(self) -> ClientWrites: ...  # noqa: D102
    @property
    def deleted_clients(self) -> Listable[ClientFilter, Client]: ...  # noqa: D102
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
    @property
    def forms(self) -> FormReads: ...  # noqa: D102
    @property
    def verifiers(self) -> VerifierWrites: ...  # noqa: D102
    @property
    def incarnations(self) -> IncarnationWrites: ...  # noqa: D102


class Storage(Protocol):
    """A database."""

    @property
    def forms(self) -> Forms:
        """Which forms may be written, as far as this process knows."""
        ...

    async def reread_forms(self) -> None:
        """Learn which forms may be written now."""
        ...

    @property
    def latest(self) -> EventPlace | None:
        """The last audit event that this process wrote and whose commit was acknowledged, None: none."""
        ...

    async def credentials(self, client_id: str) -> Credentials | None:
        """Return a client with its secrets, None where there is none. The token path's one read."""
        ...

    async def client(self, client_id: str) -> Client | None:
        """Return a client, None where there is none. What every bearer check reads."""
        ...

    async def registered(self, client_id: str) -> Client | None:
        """Return the same, perhaps without what stops it on its path: for whoever only wants to see it."""
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
