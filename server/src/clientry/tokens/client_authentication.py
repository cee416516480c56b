"""Client authentication: which client a pair of id and secret belongs to (RFC 6749 section 2.3)."""

import time
from typing import Final

import structlog
from msgspec import Struct

from clientry.clock import Clock
from clientry.oauth2 import InvalidClient, TemporarilyUnavailable
from clientry.records import secret
from clientry.records.client import Client
from clientry.records.identifier import CLIENT_PREFIX, ULID_LENGTH, is_id
from clientry.records.verifier import Pepper
from clientry.storage import Storage
from clientry.storage.forms import BOUND_VERIFIERS
from clientry.tokens.alarm import Alarm
from clientry.tokens.uses import Uses

FAILURE_DEADLINE: Final = 0.010
"""Seconds. Every failed authentication is answered at the next multiple of them since its request's start, so that its cause cannot
be timed, also where a look-up takes longer than once. Not since the process' start: then all failures would be answered at the same
moments, and a request sent right before one would tell whether a microsecond more was needed.
"""
MAX_UNDER_WAY: Final = 5_000
"""Authentications at a time in one process, among them failures that wait for their deadline. One more is refused before anything
is looked up, so that this refusal says nothing about it either.
"""

_NOBODY: Final = CLIENT_PREFIX + "0" * ULID_LENGTH
"""What is looked up for a text that is no id, because a look-up takes its time."""

_log = structlog.get_logger("clientry.token")


class PresentedCredentials(Struct, frozen=True):
    """What a request authenticates with, and what is noted of it.

    Attributes:
        client_id: None where none was sent.
        client_secret: None where none was sent. In no repr.
        request_id: names the request in the log.
        address: where it came from.
        user_agent: how its program calls itself, empty where it does not.
    """

    client_id: str | None
    client_secret: str | None
    request_id: str
    address: str
    user_agent: str

    @property
    def claimed_id(self) -> str:
        """Whom the request says it is from, for the log: empty unless it has the form of an id, for it may be a secret."""
        return self.client_id if self.client_id is not None and is_id(CLIENT_PREFIX, self.client_id) else ""

    def __repr__(self) -> str:
        return f"PresentedCredentials(client_id={self.claimed_id!r})"


class ClientAuthentication:
    """Tells which client asks, and notes that its secret was used."""

    def __init__(self, storage: Storage, clock: Clock, pepper: Pepper, uses: Uses) -> None:
        self._storage = storage
        self._clock = clock
        self._pepper = pepper
        self._uses = uses
        self._under_way = 0
        self._alarm = Alarm()

    async def authenticate(self, presented: PresentedCredentials) -> Client:
        """Return the client.

        Raises:
            InvalidClient: there is none, it is stopped, or the secret is not one of its live ones; every cause looks and lasts the
                same.
            TemporarilyUnavailable: too many are under way, so that this one was not even looked at.
        """
        if self._under_way >= MAX_UNDER_WAY:
            raise TemporarilyUnavailable
        self._under_way += 1
        try:
            started = time.monotonic()
            found = await self._find(presented)
            if isinstance(found, Client):
                return found
            _log_failure(presented, found)
            passed = time.monotonic() - started
            await self._alarm.wait_until(started + (passed // FAILURE_DEADLINE + 1) * FAILURE_DEADLINE)
        finally:
            self._under_way -= 1
        raise InvalidClient

    async def _find(self, presented: PresentedCredentials) -> Client | str:
        """Return the client that the credentials belong to, or, for the operator's eyes only, why there is none."""
        if presented.client_id is None or presented.client_secret is None:
            return "no credentials"
        claimed_id = presented.claimed_id
        # What is longer than any secret costs no more than one: it is none.
        client_secret = presented.client_secret if len(presented.client_secret) <= secret.MAX_LENGTH else ""
        plain = not self._storage.forms.is_alone(BOUND_VERIFIERS)
        credentials = await self._storage.credentials(claimed_id or _NOBODY)
        if credentials is None:
            self._pepper.matches(client_secret, (), plain=plain)
            return "unknown client"
        index = self._pepper.matches(client_secret, credentials.secrets, plain=plain)
        if index is None:
            return "wrong secret"
        now = self._clock.now()
        if not credentials.secrets[index].is_live(now):
            return "expired secret"
        if not credentials.client.enabled:
            return "disabled client"
        if credentials.client.has_expired(now):
            return "expired client"
        if credentials.client.suspended:
            return "suspended account"
        self._uses.note(credentials.secrets, index, int(now), presented.address, presented.user_agent)
        return credentials.client


def _log_failure(presented: PresentedCredentials, reason: str) -> None:
    """Tell the operator, and nobody else, why an authentication failed; as much work whatever it was."""
    well_formed = secret.is_well_formed(presented.client_secret or "")
    if reason == "wrong secret" and not well_formed:
        reason = "mistyped or truncated secret"
    _log.warning(
        "client authentication failed",
        reason=reason,
        client_id=presented.claimed_id,
        request_id=presented.request_id,
        address=presented.address,
    )
