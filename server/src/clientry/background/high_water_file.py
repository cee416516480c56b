"""The file of a high-water mark: beside the data directory, so that it stays when an older one is put in its place."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from clientry.errors import ConfigurationError
from clientry.records.incarnation import HighWaterMark


def read(places: Sequence[Path]) -> tuple[HighWaterMark, ...]:
    """Return the mark of each place that has one.

    Raises:
        ConfigurationError: one cannot be read.
    """
    found: list[HighWaterMark] = []
    for place in places:
        try:
            found.append(msgspec.json.decode(place.read_bytes(), type=HighWaterMark))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as problem:
            raise ConfigurationError(f"The high-water mark {place} cannot be read: {problem.strerror}.") from None
        except msgspec.MsgspecError:
            raise ConfigurationError(
                f"{place} is no high-water mark. Put it back as it was; or move it away, if you know that the database "
                "was not put back to an earlier state."
            ) from None
    return tuple(found)


def write(places: Sequence[Path], mark: HighWaterMark) -> bool:
    """Keep a mark in the first place that can be written, whole or not at all, and tell whether there is one."""
    text = msgspec.json.format(msgspec.json.encode(mark), indent=2) + b"\n"
    return any(_written(place, text) for place in places)


def _written(place: Path, text: bytes) -> bool:
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        # Readable by others: it holds no secret, and what root wrote while a command ran is read by the server.
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(file, "wb") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(place)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        return False
    return True
