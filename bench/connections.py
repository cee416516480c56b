"""What open connections cost, and whether they end in time: `.venv/bin/python -m bench.connections [--number N]`.

For each state of a connection a server is started, and so many connections are brought into that state and left there, while new
requests go on. They come over loopback, from addresses of loopback of their own: one address has not enough ports. Linux.
"""

import argparse
import resource
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench import servers
from bench.certificate import make_certificate
from bench.databases import configure
from bench.held import KINDS, ONLY_TLS, Kind
from bench.holding import Ends, Service, asking, hold, open_files, wait_for_ends
from bench.load import LoadError
from bench.memory import memory
from clientry.process.states import Times

SPARE: Final = 200
"""Files and connections beside those that are held."""
GRACE: Final = 5.0
"""Seconds beyond the deadline for which the end of a connection is waited for."""
SETTLING: Final = 1.0
"""Seconds between two looks at the memory of a server."""
STEADY: Final = 0.005
"""What part of it may change from one look to the next."""
MOST_BYTES: Final = 8192
"""Bytes that a connection may cost beside those that its state allows it."""
MOST_LATE: Final = 1.0
"""Seconds after its deadline by which each connection has to be ended."""
EARLY: Final = 1.0
"""Seconds before its deadline at which a connection that is ended was not in the state at all."""
SOURCES: Final = "127.0.77"
"""The first three numbers of the addresses that connections come from."""
WIDTH: Final = 140
"""Columns that the table needs."""


class Void(Struct, frozen=True):
    """A state that could not be measured, and why."""

    kind: Kind
    secured: bool
    number: int
    why: str


class Outcome(Struct, frozen=True):
    """What was found of one state.

    Attributes:
        kind: the state.
        secured: with TLS.
        number: connections.
        each: bytes of memory (RSS) of each.
        ends: how they ended.
        service: what others got meanwhile.
    """

    kind: Kind
    secured: bool
    number: int
    each: float
    ends: Ends
    service: Service

    @property
    def is_good(self) -> bool:
        """Whether they were cheap, ended in time, and kept nobody out."""
        ends = self.ends
        if self.kind.reads:
            in_time = all(-EARLY <= late <= MOST_LATE for late in ends.lateness) and not ends.kept
        else:  # who does not read need not see the end
            in_time = ends.freed is not None and ends.freed <= MOST_LATE
        is_cheap = (
            self.secured or self.each <= MOST_BYTES + self.kind.allowed
        )  # what TLS takes is its library's business
        return in_time and is_cheap and not self.service.failed


def raise_limit(files: int) -> int:
    """Raise the number of files that this process and its servers may open, and return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(files, hard)))
        except (ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def measure(kind: Kind, number: int, place: Path, seconds: int, *, secured: bool) -> Outcome:
    """Start a server, hold connections in a state, and see.

    Args:
        kind: the state.
        number: connections.
        place: an empty folder.
        seconds: that the server waits for a head, a body or the next request.
        secured: with TLS.

    Raises:
        LoadError: it took too long to open the connections.
    """
    certificate = make_certificate(place) if secured else None
    tls = ssl.create_default_context(cafile=certificate.chain) if certificate else None
    settings: dict[str, int | str] = dict.fromkeys(("header_timeout", "body_timeout", "keep_alive"), seconds)
    settings["max_connections"] = number + SPARE
    if certificate:
        settings |= {"tls_cert": str(certificate.chain), "tls_key": str(certificate.key)}
    configure(place / "data", None, settings)
    first = servers.initialise(place / "data")
    form = servers.form(first["client_id"], first["client_secret"])
    deadline = kind.deadline(Times(seconds, seconds, seconds))
    with servers.clientry(place / "data", tls=tls) as server, asking(server.url, form, tls) as service:
        pid = server.process.pid
        files, bytes_before = open_files(pid) + SPARE // 10, _settled(pid)
        began = time.monotonic()
        with hold(kind, number, server.url, SOURCES, tls) as held:
            each = (_settled(pid) - bytes_before) / number
            if time.monotonic() - began > deadline - EARLY:
                raise LoadError(f"opening took {time.monotonic() - began:.0f} s; choose more --seconds")
            ends = wait_for_ends(held, kind, deadline, GRACE, lambda: open_files(pid) > files)
    return Outcome(kind, secured, number, each, ends, service)


def _settled(pid: int) -> float:
    """Return the bytes of memory that a process holds, as soon as they no longer change."""
    before, now = 0.0, memory(pid).resident
    while abs(now - before) > STEADY * now:
        time.sleep(SETTLING)
        before, now = now, memory(pid).resident
    return now * 1e6


def run(
    kinds: Sequence[Kind], number: int, tls_number: int, seconds: int, tell: Callable[[str], None]
) -> list[Outcome | Void]:
    """Measure these states over plain HTTP, then with TLS."""
    todo = [(kind, number, False) for kind in kinds if number and kind is not ONLY_TLS]
    todo += [(kind, tls_number, True) for kind in kinds if tls_number]
    found: list[Outcome | Void] = []
    for kind, count, secured in todo:
        tell(f"{count:,} connections{' with TLS' * secured}: {kind.name}")
        with tempfile.TemporaryDirectory() as folder:
            try:
                found.append(measure(kind, count, Path(folder), seconds, secured=secured))
            except (LoadError, OSError) as problem:
                found.append(Void(kind, secured, count, str(problem)))
    return found


def table(found: list[Outcome | Void]) -> Table:
    """Return everything, a line for each state."""
    shown = Table(
        "state", "connections", "bytes each", "ended after the deadline by", "freed by", "tokens, slowest", ""
    )
    for one in found:
        if isinstance(one, Void):
            shown.add_row(one.kind.name, f"{one.number:,}{' TLS' * one.secured}", "", one.why, "", "", "VOID")
            continue
        ends, service = one.ends, one.service
        late = f"{min(ends.lateness):.2f} to {max(ends.lateness):.2f} s" if ends.lateness else ""
        kept = f"{ends.kept:,} not within {GRACE:g} s" if ends.kept else ""
        shown.add_row(
            one.kind.name,
            f"{one.number:,}{' TLS' * one.secured}",
            f"{one.each:,.0f}" + (f", {one.kind.allowed:,} allowed" if one.kind.allowed else ""),
            ", ".join(filter(None, (late, kept))),
            "never" if ends.freed is None else f"{ends.freed:.2f} s",
            f"{service.tokens:,}, {service.slowest:.2f} s" + (f", {service.failed:,} FAILED" if service.failed else ""),
            "" if one.is_good else "NO",
        )
    return shown


def main() -> int:
    """Measure, print, and tell by the exit code whether all is well."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.connections", description="Hold connections open in each state that they can be in."
    )
    parser.add_argument("--number", type=int, default=10_000, help="connections over plain HTTP, in each state")
    parser.add_argument("--tls-number", type=int, default=1_000, help="the same with TLS")
    parser.add_argument("--seconds", type=int, default=30, help="that the server waits for a head, a body, a request")
    parser.add_argument("--state", default="", help="only the states with this in their names")
    chosen = parser.parse_args()
    console = Console()
    console.width = max(console.width, WIDTH)
    number, tls_number = chosen.number, chosen.tls_number
    files = raise_limit(max(number, tls_number) + 2 * SPARE)
    if files < max(number, tls_number) + 2 * SPARE:
        most = files - 2 * SPARE
        console.print(f"Only {files:,} files may be open here (ulimit -n): no more than {most:,} connections.")
        number, tls_number = min(number, most), min(tls_number, most)
    with console.status("starting") as status:
        kinds = [kind for kind in (*KINDS, ONLY_TLS) if chosen.state in kind.name]
        found = run(kinds, number, tls_number, chosen.seconds, status.update)
    console.print(table(found))
    console.print(
        f"Wanted: at most {MOST_BYTES:,} bytes of memory (RSS) each, beside those that are allowed (with TLS: any number); every "
        f"one ended within {MOST_LATE:g} s of its deadline; a token for whoever asked meanwhile."
    )
    return 0 if all(isinstance(one, Outcome) and one.is_good for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
