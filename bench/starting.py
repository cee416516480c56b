"""How long a server takes from its start to its first token."""

import http.client
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from tests.support.revision import Program
from tests.support.server import CURRENT

from bench import servers
from bench.load import LoadError
from bench.processes import processor_seconds

PATIENCE: Final = 30.0
"""Seconds that a start may take."""
LOOK: Final = 0.002
"""Seconds between two attempts to connect: what the figures are exact to."""


class Start(Struct, frozen=True):
    """One start.

    Attributes:
        seconds: from the start of the process to the token.
        processor: seconds of processor time until then.
    """

    seconds: float
    processor: float


def start(data: Path, form: str, program: Program = CURRENT) -> Start:
    """Start a server on an existing directory, take a token as soon as it gives one, and end it.

    Args:
        data: the directory.
        form: the token request.
        program: the command that is Clientry.

    Raises:
        LoadError: there was no token.
    """
    server = servers.clientry(data, program=program)
    began = time.perf_counter()
    server.spawn()
    try:
        _first_token(server.url, form, until=began + PATIENCE)
        took = time.perf_counter() - began
        return Start(took, processor_seconds(server.process.pid))
    finally:
        server.end()


def _first_token(url: str, form: str, until: float) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)
    while True:
        try:
            connection.connect()
            break
        except ConnectionRefusedError:
            if time.perf_counter() > until:
                raise LoadError(f"the server did not listen within {PATIENCE:g} s") from None
            time.sleep(LOOK)
    try:
        connection.request("POST", servers.TOKEN, form, {"Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as problem:
        raise LoadError(f"there was no first token: {problem}") from None
    finally:
        connection.close()
    if status != 200:
        raise LoadError(f"the first token was a {status}")
