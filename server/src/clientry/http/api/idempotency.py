"""The header `Idempotency-Key`, on every POST of the registry API: a retry is answered as the first request was."""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import Struct, structs

from clientry.clock import Clock
from clientry.errors import BadRequest, Conflict, InternalError
from clientry.http.exchange import Answer, Headers, Message, Receive, Scope, header_values, read_body
from clientry.randomness import Random
from clientry.records.caller import Caller
from clientry.records.idempotency import AnsweredBefore, AnswerKey, AnswerKeys, Once, Target
from clientry.registry import operation
from clientry.storage import Storage, Transaction

REPLAYED: Final[Headers] = ((b"idempotency-replayed", b"true"),)

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")

CallerEndpoint = Callable[[Caller, Scope, Receive], Awaitable[Answer]]


class _KeptAnswer(Struct, frozen=True, array_like=True):
    """An answer as it is kept. What has a default was not kept by the version before; nodes of that version pass over it.

    Attributes:
        asked: the hash of the body that it answers.
        status: the HTTP status.
        headers: as they were sent.
        body: likewise.
        condition: the `If-Match` that the request came with, empty: none; None: not known.
        about: what the change was about, None: not known.
    """

    asked: bytes
    status: int
    headers: Headers
    body: bytes
    condition: str | None = None
    about: Target | None = None


class Idempotency:
    """Makes a change once for each key.

    Args:
        storage: where answers are kept, in the transaction of their change.
        keys: the server's part of their keys.
        clock: the time.
        random: randomness.
        body_timeout: seconds that a body may take to arrive.
    """

    def __init__(self, storage: Storage, keys: AnswerKeys, clock: Clock, random: Random, body_timeout: float) -> None:
        self._storage = storage
        self._keys = keys
        self._clock = clock
        self._random = random
        self._body_timeout = body_timeout

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, handler: CallerEndpoint) -> Answer:
        """Answer a POST of a caller who may make it; without the header the handler does it alone.

        A key belongs to its caller, the account that it acts for, the path, the body and `If-Match`. A retry passes the checks of
        the first request again, against the caller and the target as they are now.

        Raises:
            BadRequest: the header is not one key.
            Conflict: the key came with another body or `If-Match` before.
            RegistryError: the caller may no longer have the answer.
        """
        idempotency_key = _idempotency_key(scope)
        if idempotency_key is None:
            return await handler(caller, scope, receive)
        body = await read_body(scope, receive, self._body_timeout)
        asked, condition = hashlib.sha256(body).digest(), _condition(scope)
        key = self._keys.key(caller.actor, caller.root, scope["method"], scope["path"], idempotency_key)
        kept = await self._kept(caller, scope, key)
        if kept is None:

            def seal(answer: Answer, about: Target) -> bytes:
                if not isinstance(answer.body, bytes):
                    raise InternalError("An answer that is sent in parts cannot be kept.")
                whole = _KeptAnswer(asked, answer.status, answer.headers, answer.body, condition, about)
                return key.seal(msgspec.msgpack.encode(whole), self._random)

            once = Once(key.digest, seal)
            try:
                return await handler(structs.replace(caller, once=once), scope, _again(body))
            except AnsweredBefore:  # a duplicate was faster, and is committed
                kept = await self._kept(caller, scope, key)
        if kept is None:
            raise Conflict("A request with this Idempotency-Key was made at the same time. Send it again.")
        if not hmac.compare_digest(kept.asked, asked) or kept.condition not in {None, condition}:
            raise Conflict(
                "This Idempotency-Key was used with another body or If-Match. Use a new key for a new request."
            )
        return Answer(kept.status, kept.headers + REPLAYED, kept.body)

    async def _kept(self, caller: Caller, scope: Scope, key: AnswerKey) -> _KeptAnswer | None:
        """Return the answer that is kept under a key, if the caller may have it."""
        now = int(self._clock.now())
        if await self._storage.read(lambda snapshot: snapshot.answers.get(key.digest, now)) is None:
            return None

        async def body(transaction: Transaction) -> _KeptAnswer | None:
            # Perhaps no replica has it yet, nor the change that it answers: only a transaction that writes waits for one.
            sealed = await transaction.answers.confirm(key.digest, now)
            if sealed is None:
                return None
            kept = msgspec.msgpack.decode(key.open(sealed), type=_KeptAnswer)
            await operation.permit_retry(caller, transaction, kept.about or _about(scope), now)
            return kept

        return await self._storage.write(body)


def _idempotency_key(scope: Scope) -> str | None:
    values = header_values(scope, b"idempotency-key")
    if not values:
        return None
    if len(values) > 1 or _KEY.fullmatch(values[0]) is None:
        raise BadRequest("Idempotency-Key must be given once, with 1 to 255 visible ASCII characters, such as a UUID.")
    return values[0].decode()


def _condition(scope: Scope) -> str:
    return ", ".join(value.decode("latin-1") for value in header_values(scope, b"if-match"))


def _about(scope: Scope) -> Target:
    """Return what a request is about, as far as its path tells, and the stricter where it does not."""
    parameters: dict[str, str] = scope["path_params"]
    return Target(parameters.get("client_id"), parameters.get("account_id"), empowers=True)


def _again(body: bytes) -> Receive:
    """Return a `receive` that gives a body which was read already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
