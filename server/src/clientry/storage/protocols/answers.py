"""The answers of requests that came with an idempotency key."""

from typing import Protocol


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
