"""Structured logs on stderr: for people on a terminal, JSON for machines."""

import logging
import sys
from collections.abc import MutableMapping
from io import FileIO
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from clientry.clock import Clock, rfc3339
from clientry.process.sink import LogFile, Sink
from clientry.settings import LogFormat, LogLevel

STDERR: Final = 2

_log = structlog.get_logger("clientry.log")


class AccessEntry(Struct, frozen=True, omit_defaults=True):
    """One request and its answer. The path is without the query string, which may hold anything."""

    timestamp: str
    event: str
    level: str
    method: str
    path: str
    status: int
    duration_ms: float
    bytes: int
    address: str
    request_id: str
    client_id: str = ""


class Logs:
    """The log of a process.

    Args:
        sink: where lines go.
        clock: what they are dated by.
        console: for people, else JSON.
        level: from which level on.
        file: what to open again when the process is asked to; None: nothing.
    """

    def __init__(
        self, sink: Sink, clock: Clock, *, console: bool, level: LogLevel, file: LogFile | None = None
    ) -> None:
        self._sink = sink
        self._file = file
        sink.told = self._told
        self._clock = clock
        self._console = console
        self._second = (0, "")
        self._encode = msgspec.json.Encoder(enc_hook=repr).encode
        threshold = logging.getLevelNamesMapping()[level.value.upper()]
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.format_exc_info,
                self._dated,
                self._rendered,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(threshold),
            logger_factory=lambda *_names: _SinkLogger(sink),
        )
        logging.basicConfig(handlers=[_Bridge()], level=max(threshold, logging.WARNING), force=True)

    def timestamp(self) -> str:
        """Return the time as RFC 3339, made anew once a second."""
        second = int(self._clock.now())
        if second != self._second[0]:
            self._second = (second, rfc3339(second))
        return self._second[1]

    def access(self, entry: AccessEntry) -> None:
        """Write the line of a request."""
        if self._console:
            path = escaped(entry.path)
            self._sink.write(
                f"{entry.timestamp} [info] {entry.method} {path} {entry.status} {entry.duration_ms} ms "
                f"{entry.address} {entry.client_id} {entry.request_id}\n".encode()
            )
        else:
            self._sink.write(self._encode(entry) + b"\n")

    @property
    def path(self) -> Path | None:
        """The file that the log is in, None where it is in none."""
        return None if self._file is None else self._file.path

    def reopen(self) -> None:
        """Go on in the file that now has the log's name: the one that had it was put away."""
        try:
            if self._file is not None:
                self._file.reopen()
        except OSError as problem:
            _log.warning("the log file cannot be opened again; the old one is used on", reason=problem.strerror)

    def close(self) -> None:
        """Write out what waits."""
        self._sink.close()

    def _told(self, count: int) -> bytes:
        event = {"timestamp": self.timestamp(), "level": "warning", "event": "log lines dropped", "count": count}
        return self._rendered(None, "", event)

    def _dated(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"timestamp": self.timestamp(), **event}

    def _rendered(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> bytes:
        if not self._console:
            return self._encode({key: _encodable(value) for key, value in event.items()}) + b"\n"
        trace = event.pop("exception", None)
        head = f"{event.pop('timestamp')} [{event.pop('level')}] {escaped(str(event.pop('event')))}"
        fields = "".join(f" {key}={escaped(str(value))}" for key, value in event.items())
        return f"{head}{fields}\n{f'{trace}{chr(10)}' if trace else ''}".encode(errors="backslashreplace")


def configure(log_format: LogFormat, level: LogLevel, clock: Clock, path: Path | None = None) -> Logs:
    """Send every log of this process to stderr.

    Args:
        log_format: `auto` is for people where stderr is a terminal, else JSON.
        level: from which level on.
        clock: what lines are dated by.
        path: the file that stderr was redirected to, None: the one that the system knows, if any.
    """
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    stream = FileIO(STDERR, "wb", closefd=False)
    return Logs(Sink(stream), clock, console=console, level=level, file=LogFile(path))


def escaped(text: str) -> str:
    """Return text in which nothing can pass for a line or a colour of the log (ASVS 16.4.1)."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _encodable(value: object) -> object:
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


class _SinkLogger:
    """What structlog hands its finished lines to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def _write(self, line: bytes) -> None:
        self._sink.write(line)

    debug = info = warning = warn = error = critical = exception = fatal = log = msg = _write


class _Bridge(logging.Handler):
    """Hands what libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a library's record."""
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
