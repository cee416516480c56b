"""Client secrets: made once, shown once, kept as a keyed hash.

A secret is `<prefix>` + 43 base62 digits (256 random bits) + 6 base62 digits (CRC-32 of all before them), so that scanners
recognise one and a typo is told from a wrong secret without a database. What is kept of one is its verifier (`verifier.py`).
"""

import re
import zlib
from typing import Final

from msgspec import Struct, structs

from clientry.randomness import Random

DEFAULT_PREFIX: Final = "cs_"
MAX_PREFIX: Final = 16
_DIGITS: Final = 43
_CHECK_DIGITS: Final = 6
MAX_LENGTH: Final = MAX_PREFIX + _DIGITS + _CHECK_DIGITS
"""Characters of the longest secret that there can be; what is longer is not looked at."""
MAX_LIVE_SECRETS: Final = 2
MAX_OVERLAP: Final = 2_592_000
"""Seconds that an old secret may live on beside a new one."""
MAX_WAIT: Final = 2_592_000
"""Seconds after which a grace period begins though the new secret was not used."""
MIN_SILENCE: Final = 3_600
"""Seconds without a use after which a secret may be retired, at least."""
DAY: Final = 86_400

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(rf"[A-Za-z0-9_-]{{0,{MAX_PREFIX}}}[0-9A-Za-z]{{{_DIGITS + _CHECK_DIGITS}}}")


class ClientSecret(Struct, frozen=True):
    """What is kept of one secret.

    Attributes:
        secret_id: its identifier.
        client_id: the client that it authenticates.
        verifier: what it is recognised by; bytes that tell nothing about it.
        hint: the secret's last four characters.
        date_created: seconds since 1970-01-01T00:00:00Z.
        expires_at: the first second at which it is no longer accepted, None: it has no end.
        grace: seconds that it lives on once a newer one is used, None: that has begun, or nothing is waited for.
        silence: seconds without a use after which it is retired, once a newer one is in use; None: it is not.
    """

    secret_id: str
    client_id: str
    verifier: bytes
    hint: str
    date_created: int
    expires_at: int | None = None
    grace: int | None = None
    silence: int | None = None

    def is_live(self, now: float) -> bool:
        """Tell whether the secret is accepted at this time."""
        return self.expires_at is None or now < self.expires_at

    def is_older(self, other: "ClientSecret") -> bool:
        """Tell whether it was made before another one of the client."""
        return (self.date_created, self.secret_id) < (other.date_created, other.secret_id)

    def awaits(self, used: "ClientSecret") -> bool:
        """Tell whether its grace period begins with a use of another one."""
        return self.grace is not None and self.is_older(used)

    def begun(self, at: int) -> "ClientSecret":
        """Return the secret with its grace period begun at this second; its end is never put off."""
        end = at + (self.grace or 0)
        return structs.replace(
            self, grace=None, expires_at=end if self.expires_at is None else min(end, self.expires_at)
        )

    @property
    def described(self) -> dict[str, object]:
        """What the audit trail says of it."""
        shown = {"secret_id": self.secret_id, "hint": self.hint, "expires_at": self.expires_at}
        waits = {"grace": self.grace, "silence": self.silence}
        return {**shown, **{name: seconds for name, seconds in waits.items() if seconds is not None}}


class UsedSecret(Struct, frozen=True):
    """A secret, and how it is used.

    Attributes:
        kept: what is kept of it.
        last_used_at: seconds since 1970-01-01T00:00:00Z, None: never, as far as was written.
        last_used_address: where from, None: unknown.
        last_used_agent: by what program, as it said itself, None: unknown.
        uses_last_day: how often in the last 24 hours, counted in whole hours.
    """

    kept: ClientSecret
    last_used_at: int | None = None
    last_used_address: str | None = None
    last_used_agent: str | None = None
    uses_last_day: int = 0


class Verdict(Struct, frozen=True):
    """Whether a secret can be ended without stopping anybody, and why."""

    safe: bool
    reason: str


def verdict(used: UsedSecret, live: tuple[UsedSecret, ...], now: float) -> Verdict:
    """Judge one of a client's live secrets."""
    newer = [other for other in live if used.kept.is_older(other.kept)]
    if len(live) == 1:
        return Verdict(safe=False, reason="It is the only live secret of its client.")
    if not newer:
        return Verdict(safe=False, reason="It is the newest secret of its client.")
    if all(other.last_used_at is None for other in newer):
        return Verdict(safe=False, reason="The newer secret has not been used yet.")
    if used.last_used_at is not None and used.last_used_at > now - DAY:
        return Verdict(safe=False, reason="It was used in the last 24 hours.")
    return Verdict(safe=True, reason="It was not used in the last 24 hours, and the newer secret is in use.")


def is_retired(used: UsedSecret, live: tuple[UsedSecret, ...], now: float) -> bool:
    """Tell whether one of a client's live secrets was silent for as long as it may be, while a newer one is in use."""
    newer = [other for other in live if used.kept.is_older(other.kept)]
    if used.kept.silence is None or all(other.last_used_at is None for other in newer):
        return False
    silent_since = max(used.last_used_at or 0, *(other.kept.date_created for other in newer))
    return now >= silent_since + used.kept.silence


def generate(random: Random, prefix: str = DEFAULT_PREFIX) -> str:
    """Return a new client secret."""
    body = prefix + _base62(int.from_bytes(random.bytes(32)), _DIGITS)
    return body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    """Tell whether this has the form of a secret and its checksum is right: if not, it was mistyped or cut."""
    if len(secret) > MAX_LENGTH or _FORM.fullmatch(secret) is None:
        return False
    return _checksum(secret[:-_CHECK_DIGITS]) == secret[-_CHECK_DIGITS:]


def hint(secret: str) -> str:
    """Return the last four characters, by which people recognise a secret."""
    return secret[-4:]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_DIGITS)


def _base62(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 62)
        text = _BASE62[digit] + text
    return text
