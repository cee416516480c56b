"""The one thread of a process that writes.

It runs the bodies of all waiting writes, each in its own savepoint, and commits them at once: so a flush to disk is shared by
whoever waits for it.
"""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import apsw

from clientry.errors import OutcomeUnknown, StorageTimedOut, StorageUnavailable
from clientry.storage import AlreadyTaken, Forms, Transaction
from clientry.storage.sqlite.connection import OUTAGES, connect, execute
from clientry.storage.sqlite.session import run_body
from clientry.storage.sqlite.turnstile import Turnstile

T = TypeVar("T")

MAX_WAITING: Final = 10_000
MAX_GROUP: Final = 500
TIMEOUT: Final = 1.6
"""Seconds that a write may take; every request is answered within two."""


class _Job(Generic[T]):
    """A write that waits for its turn, and for the commit."""

    def __init__(self, body: Callable[[Transaction], Awaitable[T]], loop: asyncio.AbstractEventLoop) -> None:
        self.body = body
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.failure: BaseException | None = None
        self._claim = threading.Lock()

    def claim(self) -> bool:
        """Tell whether the job is still free, and take it: it is run, or given up, never both."""
        return self._claim.acquire(blocking=False)

    def deliver(self) -> None:
        """Tell the caller; on the event loop's thread."""
        if self.future.done():
            return
        if self.failure is not None:
            self.future.set_exception(self.failure)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]

    def expire(self) -> None:
        """Tell the caller that the time is over; on the event loop's thread."""
        if not self.future.done():
            late = StorageTimedOut("waiting to write") if self.claim() else OutcomeUnknown("writing")
            self.future.set_exception(late)


class Writer:
    """Writes to a file, in a thread of its own."""

    def __init__(self, path: Path, forms: Forms) -> None:
        self._connection = connect(path)
        self._forms = forms
        self._turnstile = Turnstile(path)
        self._waiting: queue.Queue[_Job[Any] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._write_groups, name="clientry-writer")
        self._thread.start()

    async def write(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body`, and return when it is on disk.

        Raises:
            StorageTimedOut: its turn did not come in time.
            OutcomeUnknown: its turn came, and it was not over in time, or its flush to disk failed.
            StorageUnavailable: too many are waiting, or the file cannot be written now.
        """
        job = _Job(body, asyncio.get_running_loop())
        try:
            self._waiting.put_nowait(job)
        except queue.Full:
            raise StorageUnavailable("too many writes are waiting") from None
        timer = job.loop.call_later(TIMEOUT, job.expire)
        try:
            return await job.future
        finally:
            timer.cancel()

    def close(self) -> None:
        """Finish the writes that were accepted; blocks meanwhile."""
        self._waiting.put(None)
        self._thread.join()
        self._connection.close()
        self._turnstile.close()

    def _write_groups(self) -> None:
        """Take whatever waits, run it, commit it, tell everybody; until there is a None."""
        while (job := self._waiting.get()) is not None:
            with self._turnstile.turn():
                group, last = self._gather(job)
                self._write_group(group)
            if group:
                group[0].loop.call_soon_threadsafe(_deliver, group)
            if last:
                return

    def _gather(self, first: _Job[Any]) -> tuple[list[_Job[Any]], bool]:
        """Return the jobs that wait and that nobody gave up, and whether they are the last."""
        group = [first] if first.claim() else []
        while len(group) < MAX_GROUP and not self._waiting.empty():
            following = self._waiting.get()
            if following is None:
                return group, True
            if following.claim():
                group.append(following)
        return group, False

    def _write_group(self, group: list[_Job[Any]]) -> None:
        committing = False
        try:
            execute(self._connection, "BEGIN IMMEDIATE")
            for job in group:
                self._write_one(job)
            committing = True
            execute(self._connection, "COMMIT")
        except (*OUTAGES, StorageUnavailable) as problem:
            self._roll_back()
            # A commit that could not be flushed may be found in the log all the same after a crash.
            unknown = committing and isinstance(problem, apsw.IOError)
            kind = OutcomeUnknown if unknown else StorageUnavailable
            for job in group:
                job.failure = kind(type(problem).__name__)

    def _roll_back(self) -> None:
        if not self._connection.in_transaction:
            return
        try:
            execute(self._connection, "ROLLBACK")
        except OUTAGES:
            return  # SQLite gives up the transaction whatever it could not write

    def _write_one(self, job: _Job[Any]) -> None:
        """Run one body in its own savepoint; an outage ends the whole group, any other failure only this body."""
        execute(self._connection, "SAVEPOINT body")
        try:
            job.result = run_body(job.body, self._connection, self._forms)
        except OUTAGES:
            raise
        except apsw.ConstraintError:
            job.failure = AlreadyTaken()
            execute(self._connection, "ROLLBACK TO body")
        except BaseException as problem:
            job.failure = problem
            execute(self._connection, "ROLLBACK TO body")
        execute(self._connection, "RELEASE body")


def _deliver(group: list[_Job[Any]]) -> None:
    """Tell everybody at once: each call from thread to thread is a system call. All are of one event loop."""
    for job in group:
        job.deliver()
