"""A body in chunks (RFC 9112 section 7.1), read as it comes. Extensions are ignored and trailers dropped, within bounds."""

import re
from typing import Final

from clientry.process.head import Refused, check_fields

MAX_CHUNK_LINE: Final = 256
"""Bytes of the line before a chunk: its size and its extensions."""
MAX_EXTENSIONS: Final = 1_024
"""Bytes of the extensions of a whole body."""
MAX_TRAILERS: Final = 4_096
"""Bytes of the trailer fields."""

_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:[\t ]*;[\t -~\x80-\xff]*)?)")


class Chunks:
    """What is left of a body in chunks.

    Attributes:
        is_whole: the body and its trailers were read.
    """

    __slots__ = ("_buffer", "_extensions", "_in_trailers", "_left", "_needs_line_end", "is_whole")

    def __init__(self) -> None:
        self.is_whole = False
        self._buffer = b""
        self._left = 0
        self._needs_line_end = False
        self._in_trailers = False
        self._extensions = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what was received, and return the bytes of the body in it, and what comes behind the body.

        Raises:
            Refused: it is malformed, or beyond a bound.
        """
        data = self._buffer + data if self._buffer else data
        self._buffer = b""
        parts: list[bytes] = []
        at = 0
        while True:
            if self._in_trailers:
                return b"".join(parts), self._read_trailers(data[at:])
            if self._left:
                part = data[at : at + self._left]
                parts.append(part)
                self._left -= len(part)
                at += len(part)
                if self._left:
                    return b"".join(parts), b""
                self._needs_line_end = True
            end = self._line_end(data, at)
            if end is None:
                self._buffer = data[at:]
                return b"".join(parts), b""
            at = self._read_line(data[at:end], end)

    def _line_end(self, data: bytes, at: int) -> int | None:
        """Return where the line at `at` ends, None where it has not arrived."""
        if self._needs_line_end:
            if not b"\r\n".startswith(data[at : at + 2]):
                raise Refused("A chunk is not as long as its size says.")
            return at if len(data) >= at + 2 else None
        end = data.find(b"\r\n", at, at + MAX_CHUNK_LINE)
        if end >= 0:
            return end
        if len(data) - at >= MAX_CHUNK_LINE:
            raise Refused(f"The line of a chunk has more than {MAX_CHUNK_LINE} bytes.")
        return None

    def _read_line(self, line: bytes, end: int) -> int:
        """Read a line that has arrived, and return where the next part begins."""
        if self._needs_line_end:
            self._needs_line_end = False
            return end + 2
        match = _LINE.fullmatch(line)
        if match is None:
            raise Refused("The size of a chunk is not a hexadecimal number.")
        self._extensions += len(match[2])
        if self._extensions > MAX_EXTENSIONS:
            raise Refused(f"The extensions of the chunks have more than {MAX_EXTENSIONS} bytes.")
        self._left = int(match[1], 16)
        self._in_trailers = not self._left
        return end + 2

    def _read_trailers(self, data: bytes) -> bytes:
        if data.startswith(b"\r\n"):
            self.is_whole = True
            return data[2:]
        end = data.find(b"\r\n\r\n", 0, MAX_TRAILERS)
        if end >= 0:
            check_fields(data[:end])
            self.is_whole = True
            return data[end + 4 :]
        if len(data) >= MAX_TRAILERS:
            raise Refused(f"The trailer fields have more than {MAX_TRAILERS} bytes.")
        self._buffer = data
        return b""
