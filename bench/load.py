"""wrk, the load generator: one run of it, and what it says."""

import re
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

CONNECTIONS = 32
LUA = Path(__file__).parent / "lua"

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_SOCKETS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_P99 = re.compile(r"99%\s+([\d.]+)(us|ms|s)")
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class LoadError(Exception):
    """The load did not go as a measurement needs it to."""


class Sample(Struct, frozen=True):
    """One run: answers per second, and the time in milliseconds that 99 of 100 answers stayed below."""

    rate: float
    p99: float


def require_wrk() -> str:
    """Return the program.

    Raises:
        LoadError: it is not installed.
    """
    program = shutil.which("wrk")
    if program is None:
        raise LoadError("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")
    return program


def parse(text: str) -> Sample:
    """Read what wrk prints.

    Raises:
        LoadError: an answer was not 2xx, or a connection failed: such a rate measures something else.
    """
    failed = _FAILED.search(text)
    if failed is not None:
        raise LoadError(f"{failed[1]} answers were refusals")
    sockets = _SOCKETS.search(text)
    if sockets is not None and any(int(number) for number in sockets.groups()):
        raise LoadError(f"connections failed: {sockets[0]}")
    rate, p99 = _RATE.search(text), _P99.search(text)
    if rate is None or p99 is None:
        raise LoadError(f"wrk said nothing that can be read: {text[:200]}")
    return Sample(float(rate[1]), float(p99[1]) * _UNITS[p99[2]])


def load(url: str, seconds: float, script: str | None = None, arguments: tuple[str, ...] = ()) -> Sample:
    """Load a URL from 32 connections.

    Args:
        url: what to ask.
        seconds: how long.
        script: a file of `bench/lua`.
        arguments: for the script; a header `Name: value` when there is none.
    """
    command = [require_wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency"]
    if script is None:
        for header in arguments:
            command += ["-H", header]
        command.append(url)
    else:
        command += ["-s", str(LUA / script), url, "--", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise LoadError(done.stderr or done.stdout)
    return parse(done.stdout)
