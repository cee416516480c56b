"""A running server, and the three things that it is loaded with where servers are compared."""

from typing import Final, Self

from msgspec import Struct

from bench import servers
from bench.cost import Measured, measured
from bench.load import Sample, load

WORKLOADS: Final = ("token", "get", "create")
NEW_CLIENT: Final = '{"name": "bench", "locked": false, "scopes": {"products": ["SuperSIM"]}}'


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
        return measured(self.server, database_pid, seconds, lambda time: self._load(workload, time))

    def request(self, workload: str) -> bytes:
        """Return one of those requests as it goes over the wire."""
        form, json = "application/x-www-form-urlencoded", "application/json"
        bearer = f"Authorization: Bearer {self.token}\r\n"
        match workload:
            case "token":
                line, headers, body = f"POST {servers.TOKEN}", f"Content-Type: {form}\r\n", self.form
            case "get":
                line, headers, body = f"GET /v1/clients/{self.client_id}", bearer, ""
            case _:
                line, headers, body = "POST /v1/clients", f"{bearer}Content-Type: {json}\r\n", NEW_CLIENT
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{length}\r\n{body}".encode()

    def _load(self, workload: str, seconds: float) -> Sample:
        url = self.server.url
        if workload == "token":
            return load(url + servers.TOKEN, seconds, "token.lua", (self.form,))
        if workload == "get":
            return load(f"{url}/v1/clients/{self.client_id}", seconds, None, (f"Authorization: Bearer {self.token}",))
        return load(f"{url}/v1/clients", seconds, "create.lua", (self.token, NEW_CLIENT))
