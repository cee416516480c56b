"""The log goes on: a full disk, a closed or a slow reader cost lines, which are counted and told, and nothing else."""

import errno
import io
import json
import os
import re
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from tests.support.eventually import eventually

from clientry.clock import SystemClock
from clientry.process.logs import Logs
from clientry.process.sink import MAX_QUEUED, Sink
from clientry.settings import LogLevel


class Place:
    """A descriptor that what is written goes to; it can be moved, as a disk is emptied or a reader comes back."""

    def __init__(self, path: Path | str) -> None:
        self.stream = FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")

    def move(self, path: Path | str) -> None:
        other = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(other, self.stream.fileno())
        os.close(other)


def settled(sink: Sink) -> None:
    """Wait until nothing is queued, and what was taken has been tried."""
    eventually(lambda: sink._lines == [], within=10)
    eventually(lambda: not sink._woken.is_set(), within=10)


def test_f04_a_full_disk_costs_lines_that_are_counted_and_told(tmp_path: Path) -> None:
    """While the disk is full lines are dropped; when there is room the number comes first, once, and then what is logged."""
    place = Place("/dev/full")
    sink = Sink(place.stream)
    for _ in range(2):
        for number in range(3):
            sink.write(b"%d\n" % number)
        settled(sink)
    eventually(lambda: sink._lost == 6, within=10)
    place.move(tmp_path / "log")
    sink.write(b"again\n")
    eventually(lambda: (tmp_path / "log").read_bytes().endswith(b"again\n"), within=10)
    sink.write(b"and again\n")
    sink.close()
    told, *lines = (tmp_path / "log").read_bytes().splitlines()
    assert json.loads(told)["count"] == 6
    assert lines == [b"again", b"and again"]


class Narrow(io.RawIOBase):
    """A disk with room for some bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.written = b""

    def write(self, data: Any, /) -> int:
        taken = bytes(data)[: self.room]
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.written += taken
        self.room -= len(taken)
        return len(taken)


@pytest.mark.parametrize("room", [0, 4, 6, 10, 12, 15])
def test_a_line_that_was_cut_off_is_ended(room: int) -> None:
    """What a full disk cut off counts as missing, and the next line stands on a line of its own."""
    disk = Narrow(room)
    sink = Sink(disk)
    for number in range(4):
        sink.write(b"one %d\n" % number)
    settled(sink)
    expected = 4 - room // 6
    eventually(lambda: sink._lost == expected, within=10)
    disk.room = 10_000
    sink.write(b"more\n")
    sink.close()
    whole = [line for line in disk.written.splitlines() if re.fullmatch(rb"one \d", line)]
    told = next(line for line in disk.written.splitlines() if line.startswith(b"{"))
    assert len(whole) == room // 6
    assert json.loads(told)["count"] == expected
    assert disk.written.endswith(b"}\nmore\n")


def test_a_pipe_that_does_not_block_and_has_a_slow_reader_loses_nothing() -> None:
    """Where a write is refused because the pipe is full the writer waits, as it does where the pipe blocks."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sink = Sink(FileIO(writing, "wb"))
    sent = [b"%05d %b\n" % (number, b"x" * 90) for number in range(3000)]
    for line in sent:
        sink.write(line)
    received = b""
    while received.count(b"\n") < len(sent):
        received += os.read(reading, 50_000)
    assert received == b"".join(sent)
    sink.close()
    os.close(reading)


def test_a_reader_that_went_and_one_that_comes_back(tmp_path: Path) -> None:
    """A closed pipe costs lines and not the process; the next reader is told how many."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    first = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    sink = Sink(FileIO(os.open(fifo, os.O_WRONLY), "wb"))
    os.close(first)
    sink.write(b"nobody\n")
    eventually(lambda: sink._lost == 1, within=10)
    second = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    sink.write(b"somebody\n")
    sink.close()
    told, line = os.read(second, 1000).splitlines()
    assert (json.loads(told)["count"], line) == (1, b"somebody")
    os.close(second)


def test_f24_a_reader_that_hangs_costs_what_the_queue_does_not_hold() -> None:
    """At most so many lines wait, at most one batch is being written, and the rest is counted."""
    reading, writing = os.pipe()
    sink = Sink(FileIO(writing, "wb"))
    line = b"x" * 99 + b"\n"
    sink.write(line * 1000)  # more than the pipe holds
    eventually(lambda: sink._lines == [], within=10)
    for _ in range(MAX_QUEUED + 7):
        sink.write(line)
    received = b""
    while b"dropped" not in received:
        received += os.read(reading, 100_000)
    assert b'"count":7}' in received
    sink.close(0.1)
    os.close(reading)


@pytest.mark.parametrize("console", [True, False])
def test_what_is_missing_is_told_in_the_form_of_the_log(tmp_path: Path, console: bool) -> None:
    """On a terminal it is a line for people, elsewhere JSON, with time and level as every other."""
    place = Place("/dev/full")
    sink = Sink(place.stream)
    logs = Logs(sink, SystemClock(), console=console, level=LogLevel.INFO)
    sink.write(b"x\n")
    eventually(lambda: sink._lost == 1, within=10)
    place.move(tmp_path / "log")
    logs.close()
    line = (tmp_path / "log").read_text()
    pattern = (
        r"\S+Z \[warning\] log lines dropped count=1\n" if console else r'\{"timestamp":"\S+Z","level":"warning".*\n'
    )
    assert re.fullmatch(pattern, line)
