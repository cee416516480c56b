"""Idempotency keys: a change that is asked for again is made once, and answered as it was the first time.

The first answer may hold a secret that the server must not be able to show by itself. It is kept sealed under a key that is made
from the caller's idempotency key and a key of the server; of the caller's only a keyed hash is stored.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct, structs

from clientry.randomness import Random

KEPT_FOR: Final = 86_400
"""Seconds that an answer is kept."""

_NONCE: Final = 12


class AnsweredBefore(Exception):
    """The very same request has been answered already; nothing was changed."""


class Target(Struct, frozen=True, array_like=True):
    """What a change is about: what its caller must see, and hold, also when the kept answer is asked for again.

    Attributes:
        client_id: a client, None: it is about none.
        account_id: an account, None: it is about none.
        empowers: whether the answer gives away, or revives, what the client may do.
    """

    client_id: str | None = None
    account_id: str | None = None
    empowers: bool = False


class Once(Struct, frozen=True):
    """A change that is to be made once.

    Attributes:
        digest: names the request; from it neither the caller's key nor the answer can be learned.
        seal: makes what is kept from what the operation returns, and what it was about.
    """

    digest: bytes
    seal: Callable[[Any, Target], bytes]

    def after(self, render: Callable[[Any], Any]) -> "Once":
        """Return the same, with what the operation returns rendered before it is sealed."""

        def seal(result: Any, about: Target) -> bytes:
            return self.seal(render(result), about)

        return structs.replace(self, seal=seal)


class AnswerKey:
    """What one request's answer is found by, and sealed under. Its bytes are in no repr."""

    def __init__(self, digest: bytes, key: bytes) -> None:
        self.digest = digest
        self._cipher = AESGCM(key)

    def seal(self, answer: bytes, random: Random) -> bytes:
        """Encrypt an answer."""
        nonce = random.bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, answer, self.digest)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt it.

        Raises:
            cryptography.exceptions.InvalidTag: it was changed, or belongs to another request.
        """
        return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self.digest)


class AnswerKeys(Struct, frozen=True):
    """The server's part of every answer's key.

    Attributes:
        naming: the key of the digests.
        sealing: the key that the sealing keys are made from.
    """

    naming: bytes
    sealing: bytes

    def __repr__(self) -> str:
        return "AnswerKeys()"

    def key(self, *request: str | None) -> AnswerKey:
        """Return the key of a request: whoever asks, for what, and with which idempotency key."""
        name = msgspec.json.encode(request)
        return AnswerKey(
            hmac.digest(self.naming, name, hashlib.sha256), hmac.digest(self.sealing, name, hashlib.sha256)
        )
