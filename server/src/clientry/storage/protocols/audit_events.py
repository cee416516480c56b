"""Reading and writing audit events."""

from typing import Protocol

from clientry.records.audit_event import AuditEvent, Change
from clientry.records.incarnation import EventPlace
from clientry.storage.values import Slice


class AuditReads(Protocol):
    """Reading audit events."""

    async def slice(self, account_id: str, after: int, limit: int) -> Slice[AuditEvent]:
        """Return at most `limit` events of the account with a sequence greater than `after`, oldest first."""
        ...

    async def has(self, place: EventPlace) -> bool:
        """Tell whether this very event is at its place."""
        ...

    async def accounts(self, after: str, limit: int) -> Slice[str]:
        """Return at most `limit` ids of accounts that have events, also of deleted ones, behind `after`, oldest first."""
        ...


class AuditWrites(AuditReads, Protocol):
    """Reading and writing audit events."""

    @property
    def last(self) -> EventPlace | None:
        """The last event that this transaction has appended, None: none."""
        ...

    async def append(self, change: Change) -> AuditEvent:
        """Put a change at the end of the chain of its account."""
        ...
