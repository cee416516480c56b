"""What an answer costs: as a rate, and as processor time, which a busy machine disturbs less."""

from collections.abc import Callable

from msgspec import Struct

from bench import servers
from bench.load import Sample
from bench.processes import processor_seconds


class Measured(Struct, frozen=True):
    """Answers per second, and processor microseconds per answer: of Clientry, and of a database's own process."""

    rate: float
    own: float
    database: float

    @property
    def processor(self) -> float:
        """Processor microseconds per answer, altogether."""
        return self.own + self.database


def measured(
    server: servers.Process, database_pid: int | None, seconds: float, run: Callable[[float], Sample]
) -> Measured:
    """Load a server, and see what that costs.

    Args:
        server: what is loaded.
        database_pid: the process of its database, None where it has none of its own.
        seconds: how long.
        run: loads it so long.
    """
    pids = (server.process.pid, database_pid)
    before = [_processor(pid) for pid in pids]
    rate = run(seconds).rate
    own, database = (
        (_processor(pid) - early) / (rate * seconds) * 1e6 for pid, early in zip(pids, before, strict=True)
    )
    return Measured(rate, own, database)


def _processor(pid: int | None) -> float:
    return 0.0 if pid is None else processor_seconds(pid)
