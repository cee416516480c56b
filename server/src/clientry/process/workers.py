"""Several processes that serve the same sockets, and the one that watches over them.

A worker is started anew, not forked: it shares nothing with its supervisor but the listening sockets and a lifeline, a pair of
sockets over which the worker says that it serves, and learns at once when its supervisor is gone.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Final

import structlog

READY: Final = b"1"
STEADY: Final = 5.0
"""Seconds after which a worker that dies is replaced at once."""
MAX_PAUSE: Final = 5.0
"""Seconds between two starts of a worker that keeps dying."""
PATIENCE: Final = 5.0
"""Seconds that workers have to end beyond their own time for draining, before they are killed."""

WorkerCommand = Callable[[int, Sequence[int], int], list[str]]

_log = structlog.get_logger("clientry.workers")


class Supervisor:
    """Keeps workers running until a signal comes.

    Args:
        command: returns the command line of the worker with this number; the listening sockets and its lifeline are the file
            descriptors that it is handed.
        count: how many.
        taken: the sockets that they serve.
        drain_time: seconds that a worker may take to end.
        on_hangup: called before SIGHUP is passed on to the workers.
    """

    def __init__(
        self,
        command: WorkerCommand,
        count: int,
        taken: Sequence[socket.socket],
        drain_time: float,
        on_hangup: Callable[[], None],
    ) -> None:
        self._command = command
        self._count = count
        self._taken = taken
        self._drain_time = drain_time
        self._on_hangup = on_hangup
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._serving: set[int] = set()
        self._has_served: set[int] = set()
        self._is_told = False
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self, on_serving: Callable[[], None]) -> int:
        """Run until a signal comes, and return the exit code: 0 when every worker ended in order.

        Args:
            on_serving: called once, when every worker serves.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        keepers = [asyncio.ensure_future(self._keep(number, on_serving)) for number in range(1, self._count + 1)]
        await self._stopping.wait()
        _, late = await asyncio.wait(keepers, timeout=self._drain_time + PATIENCE)
        if late:
            self._code = 1
            self._send(signal.SIGKILL)
            await asyncio.wait(late)
        return self._code

    def _stop(self) -> None:
        """Drain at the first signal, end at the second: each is passed on."""
        for taken in self._taken:
            taken.close()
        self._stopping.set()
        self._send(signal.SIGTERM)

    def _hang_up(self) -> None:
        """Have files read and opened again, by those workers that serve: the others are just reading them."""
        self._on_hangup()
        for number in self._serving:
            self._processes[number].send_signal(signal.SIGHUP)

    def _send(self, number: int) -> None:
        for process in self._processes.values():
            process.send_signal(number)

    async def _keep(self, number: int, on_serving: Callable[[], None]) -> None:
        """Run a worker, and another one when it dies."""
        loop = asyncio.get_running_loop()
        pause = 0.0
        while not self._stopping.is_set():
            started = loop.time()
            code = await self._run_one(number, on_serving)
            if self._stopping.is_set():
                if code not in (0, -signal.SIGTERM):  # the latter: it was not yet there to hear the signal
                    self._code = 1
                return
            if not self._has_served:
                _log.error("no worker came up", worker=number, exit_code=code)
                self._code = 1
                self._stop()
                return
            pause = 0.0 if loop.time() - started > STEADY else min(max(2 * pause, 0.1), MAX_PAUSE)
            _log.error("a worker died, and is replaced", worker=number, exit_code=code, pause=pause)
            await self._sleep(pause)

    async def _run_one(self, number: int, on_serving: Callable[[], None]) -> int:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            handed = ([taken.fileno() for taken in self._taken], theirs.fileno())
            # A session of its own: Ctrl-C on a terminal reaches the supervisor alone, which passes it on once.
            process = await asyncio.create_subprocess_exec(
                *self._command(number, *handed), pass_fds=(*handed[0], handed[1]), start_new_session=True
            )
            self._processes[number] = process
            theirs.close()
            if self._stopping.is_set():
                process.send_signal(signal.SIGTERM)
            listening = asyncio.ensure_future(self._await_ready(number, ours, on_serving))
            code = await process.wait()
            listening.cancel()
            self._serving.discard(number)
            del self._processes[number]
        return code

    async def _await_ready(self, number: int, ours: socket.socket, on_serving: Callable[[], None]) -> None:
        if await asyncio.get_running_loop().sock_recv(ours, 1) == READY:
            self._serving.add(number)
            self._has_served.add(number)
            if not self._is_told and len(self._has_served) == self._count:
                self._is_told = True
                on_serving()

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
