"""A load balancer as operators have one: sends each connection to a node that says on /readyz that it is ready."""

import asyncio
import contextlib
import socket
import threading
from types import TracebackType

from tests.support.wire import send


class Balancer:
    """Balances over nodes, by their ports. `url`: where it listens."""

    def __init__(self, *ports: int) -> None:
        self._ports = ports
        self._ready: tuple[int, ...] = ports
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._run, self._watch)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Balancer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._loop.call_soon_threadsafe(self._closing.set)
        for thread in self._threads:
            thread.join(5)
        self._listening.close()

    @property
    def ready(self) -> tuple[int, ...]:
        """The nodes that are ready."""
        return self._ready

    def _watch(self) -> None:
        while not self._stopped.wait(0.1):
            self._ready = tuple(port for port in self._ports if _is_ready(port))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve, sock=self._listening)
        await self._closing.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        nodes = self._ready
        for number in range(len(nodes)):
            with contextlib.suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", nodes[(self._turn + number) % len(nodes)])
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
                back.close()
                break
        writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await source.read(65536):
            sink.write(part)
            await sink.drain()
        sink.write_eof()


def _is_ready(port: int) -> bool:
    try:
        return send(f"http://127.0.0.1:{port}", "GET", "/readyz").status == 200
    except OSError:
        return False
