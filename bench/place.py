"""A running server, and the three things that it is loaded with where servers are compared."""

from typing import Final, Self

from msgspec import Struct

from bench import servers
from bench.load import Sample, load
from bench.processes import processor_seconds

WORKLOADS: Final = ("token", "get", "create")


class Measured(Struct, frozen=True):
    """Answers per second, and processor microseconds per answer: of Clientry, and of a database's own process."""

    rate: float
    own: float
    database: float


class Place(Struct, frozen=True):
    """A server to measure, as its first admin client.

    Attributes:
        server: it runs.
        form: the client's token request.
        client_id: the client.
        token: the client's access token.
    """

    server: servers.Process
    form: str
    client_id: str
    token: str

    @classmethod
    def of(cls, server: servers.Process, first: dict[str, str]) -> Self:
        """Return a server with a token. `first`: the credentials of its first client."""
        form = servers.form(first["client_id"], first["client_secret"])
        return cls(server, form, first["client_id"], servers.access_token(server.url, form))

    def measure(self, workload: str, seconds: float, database_pid: int | None) -> Measured:
        """Ask it for one thing again and again. `database_pid`: of PostgreSQL, None for SQLite."""
        pids = (self.server.process.pid, database_pid)
        before = [_processor(pid) for pid in pids]
        rate = self._load(workload, seconds).rate
        own, database = (
            (_processor(pid) - early) / (rate * seconds) * 1e6 for pid, early in zip(pids, before, strict=True)
        )
        return Measured(rate, own, database)

    def _load(self, workload: str, seconds: float) -> Sample:
        url = self.server.url
        if workload == "token":
            return load(url + servers.TOKEN, seconds, "token.lua", (self.form,))
        if workload == "get":
            return load(f"{url}/v1/clients/{self.client_id}", seconds, None, (f"Authorization: Bearer {self.token}",))
        return load(f"{url}/v1/clients", seconds, "create.lua", (self.token,))


def _processor(pid: int | None) -> float:
    return 0.0 if pid is None else processor_seconds(pid)
