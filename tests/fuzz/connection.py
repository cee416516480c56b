"""A fuzz target: any bytes, cut anywhere, are read the same, within the bounds, and never as what a head may not hold.

Run it with `make fuzz`. The corpus of the tests is what it begins with. A finding is a file `crash-…` in the current directory:
give its name as an argument to see it again.
"""

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

atheris: Any = importlib.import_module("atheris")  # it is in .venv only after `make fuzz`

with atheris.instrument_imports(include=["clientry.process"]):
    from tests.process.corpus.corpus import CORPUS
    from tests.process.reading import Reading, cut, read

LONGEST = 24_576


def check(reading: Reading) -> None:
    """Fail where a request was read that no request may be."""
    for request in reading.requests:
        head = request.head
        assert head.path.startswith(b"/") or (head.path, head.method) == (b"*", "OPTIONS"), head
        assert all(0x20 < byte < 0x7F and byte != 0x23 for byte in head.path + head.query), head
        assert head.method.isascii(), head
        assert head.method.isprintable(), head
        assert head.method != "CONNECT", head
        names = [name for name, _ in head.fields]
        values = b"".join(value for _, value in head.fields)
        assert not any(byte < 0x20 and byte != 0x09 for byte in values), head
        for name in (b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type"):
            assert names.count(name) <= 1, head
        assert not head.is_1_1 or b"host" in names, head
        assert not (b"content-length" in names and b"transfer-encoding" in names), head
        assert head.length is None or head.length == len(request.body), head


def one_input(data: bytes) -> None:
    """Read some bytes in one part and in several: the first bytes say where the others are cut."""
    count, places, raw = data[0] % 4 if data else 0, data[1:9], data[9:]
    whole = read([raw] if raw else [])
    check(whole)
    at = [int.from_bytes(places[2 * number : 2 * number + 2], "big") for number in range(count + 1)]
    parts = read(cut(raw, at))
    assert whole == parts or whole.overflowed or parts.overflowed, (whole, parts)


def main() -> None:
    """Fuzz, beginning with the corpus."""
    with tempfile.TemporaryDirectory() as folder:
        for number, entry in enumerate(CORPUS):
            if len(entry.raw) < LONGEST:
                Path(folder, str(number)).write_bytes(b"\3\0\x10\0\x20\0\x30\0\x40" + entry.raw)
        atheris.Setup([*sys.argv, f"-max_len={LONGEST}", folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
