"""Disks that fail, as SQLite file systems: one that takes notes of every operation, and one that fails at a chosen one."""

import random
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw

BASE = "unix"
TORN = 256
"""Bytes of which a torn write has written all or nothing: half a sector."""


class Operation(NamedTuple):
    """One thing that was done to a file: a write at `offset`, a truncation to `offset`, a sync, or its deletion."""

    file: str
    kind: str
    offset: int = 0
    data: bytes = b""


class _Disk(apsw.VFS):
    """Passes everything on, and tells `note` beforehand."""

    def __init__(self, name: str) -> None:
        self.vfs_name = name
        super().__init__(name, BASE)

    def note(self, operation: Operation) -> None:
        """Hear of an operation; raising keeps it from being done."""

    def xOpen(self, name: Any, flags: list[int]) -> "_File":  # noqa: N802
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.note(Operation(Path(filename).name, "delete"))
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, disk: _Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name)).name
        super().__init__(BASE, name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._disk.note(Operation(self._name, "read", offset))
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        self._disk.note(Operation(self._name, "write", offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.note(Operation(self._name, "truncate", newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.note(Operation(self._name, "sync"))
        super().xSync(flags)


class Notes(_Disk):
    """Keeps every write, truncation and sync in order."""

    def __init__(self) -> None:
        super().__init__("clientry-notes")
        self.operations: list[Operation] = []

    def note(self, operation: Operation) -> None:
        if operation.kind != "read":
            self.operations.append(operation)


class Failing(_Disk):
    """Fails at the operation with the number `at`, counted over the kinds that may fail, and at `lasting` ones after it."""

    def __init__(self) -> None:
        super().__init__("clientry-failing")
        self.kinds: frozenset[str] = frozenset()
        self.problem: type[Exception] = apsw.IOError
        self.at: int | None = None
        self.lasting = 0
        self.seen = 0
        self.failed: set[tuple[str, str]] = set()
        """The files, and what could not be done to them."""

    def start(self, at: int) -> None:
        """Fail at the operation with this number, counted from now on."""
        self.at, self.seen = at, 0
        self.failed = set()

    def stop(self) -> None:
        """Fail no more."""
        self.at = None

    def note(self, operation: Operation) -> None:
        if self.at is None or operation.kind not in self.kinds:
            return
        self.seen += 1
        if self.at <= self.seen <= self.at + self.lasting:
            self.failed.add((operation.file, operation.kind))
            raise self.problem


@contextmanager
def mounted(disk: _Disk) -> Generator[None]:
    """Have every new connection use a disk."""
    apsw.set_default_vfs(disk.vfs_name)
    try:
        yield
    finally:
        apsw.set_default_vfs(BASE)
        disk.unregister()


def after_power_loss(operations: list[Operation], loss: str, chance: random.Random) -> dict[str, bytes]:
    """Return what is on the disk when the power fails after these operations.

    What was synced is there. Of the rest there is `none`, `all`, `some` in any order, or writes `torn` within a sector.
    """
    files: dict[str, bytearray] = {}
    waiting: dict[str, list[Operation]] = {}
    for operation in operations:
        pending = waiting.setdefault(operation.file, [])
        if operation.kind == "delete":
            files.pop(operation.file, None)
            pending.clear()
        elif operation.kind == "sync":
            for done in pending:
                _apply(files, done)
            pending.clear()
        else:
            pending.append(operation)
    for pending in waiting.values():
        for operation in _surviving(pending, loss, chance):
            _apply(files, operation)
    return {name: bytes(content) for name, content in files.items()}


def _surviving(pending: list[Operation], loss: str, chance: random.Random) -> list[Operation]:
    match loss:
        case "none":
            return []
        case "all":
            return pending
        case "some":
            kept = [operation for operation in pending if chance.random() < 0.5]
            chance.shuffle(kept)
            return kept
        case _:
            return [part for operation in pending for part in _torn(operation, chance)]


def _torn(operation: Operation, chance: random.Random) -> Iterator[Operation]:
    if operation.kind != "write":
        yield operation
        return
    for start in range(0, len(operation.data), TORN):
        if chance.random() < 0.5:
            yield operation._replace(offset=operation.offset + start, data=operation.data[start : start + TORN])


def _apply(files: dict[str, bytearray], operation: Operation) -> None:
    content = files.setdefault(operation.file, bytearray())
    if operation.kind == "truncate":
        del content[operation.offset :]
        return
    end = operation.offset + len(operation.data)
    content.extend(bytes(max(0, end - len(content))))
    content[operation.offset : end] = operation.data
