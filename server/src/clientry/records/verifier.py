"""Verifiers: what is kept of a client secret, and how one is recognised by it.

A secret has 256 random bits, so it needs no slow hash (ASVS 6.5.2, NIST SP 800-63B's threshold of 112 bits, by analogy). The key of
the hash, the pepper, is kept outside the database: whoever can write to the database still cannot plant a secret of their own. And
a verifier is bound to its client and to its secret's id: whoever can write to the database cannot move one either.

The first byte says how a verifier was made (ASVS 11.2.2):

- `BOUND`: HMAC-SHA-256 under the pepper over this byte, client id, secret id and secret, each with its length before it, `3:abc`;
- `WRAPPED`: the same with the `PLAIN` verifier in the secret's place: what became of those that there were;
- `PLAIN`: HMAC-SHA-256 under the pepper over the secret alone. None is made any more where `BOUND_VERIFIERS` may be written.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from clientry.records import secret as secrets
from clientry.records.secret import ClientSecret

PLAIN: Final = b"\x01"
BOUND: Final = b"\x02"
WRAPPED: Final = b"\x03"

_NOBODY: Final = [(-1, ClientSecret("", "", WRAPPED, "", 0))]
"""What a secret is compared with where there is nothing to compare it with."""


class Pepper:
    """The key of the verifiers. Its bytes are in no repr."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("a pepper has at least 32 bytes")
        self._mac = hmac.new(key, digestmod=hashlib.sha256)

    def verifier(self, secret: str, kept: ClientSecret) -> bytes:
        """Return the verifier that binds a secret to its client and to its id."""
        return BOUND + self._digest(BOUND + _octets(f"{_binding(kept)}{len(secret)}:{secret}"))

    def plain_verifier(self, secret: str) -> bytes:
        """Return the verifier that is bound to nothing, for programs that know no other."""
        return PLAIN + self._digest(_octets(secret))

    def wrap(self, kept: ClientSecret) -> bytes:
        """Return what binds a secret whose plain verifier is kept, and which nobody here knows."""
        return self._wrapped(kept, kept.verifier)

    def matches(self, secret: str, kept: Sequence[ClientSecret], *, plain: bool) -> int | None:
        """Return the index of the one that `secret` is, None if it is none; in constant time but for the hint, which is no secret.

        Args:
            secret: what was presented.
            kept: the secrets of one client.
            plain: whether verifiers that are bound to nothing are still accepted.
        """
        ending = secrets.hint(secret)
        candidates = [(index, one) for index, one in enumerate(kept) if one.hint == ending] or _NOBODY
        found: int | None = None
        for index, one in candidates:
            if hmac.compare_digest(self._expected(secret, one, plain=plain), one.verifier):
                found = index
        return found

    def _expected(self, secret: str, kept: ClientSecret, *, plain: bool) -> bytes:
        """Return the verifier that this secret must have, made as the one that is kept was."""
        tag = kept.verifier[:1]
        if tag == BOUND:
            return self.verifier(secret, kept)
        if tag == PLAIN and plain:
            return self.plain_verifier(secret)
        return self._wrapped(kept, self.plain_verifier(secret))

    def _wrapped(self, kept: ClientSecret, plain: bytes) -> bytes:
        return WRAPPED + self._digest(WRAPPED + _octets(f"{_binding(kept)}{len(plain)}:") + plain)

    def _digest(self, message: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(message)
        return mac.digest()


def _binding(kept: ClientSecret) -> str:
    return f"{len(kept.client_id)}:{kept.client_id}{len(kept.secret_id)}:{kept.secret_id}"


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
