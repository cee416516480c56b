"""What commands print: the API's JSON for programs; for people tables on a terminal, tab-separated lines in a pipe."""

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import cast

import msgspec
from msgspec import Struct


def escape_what_cannot_be_shown() -> None:
    """Have characters that a narrow encoding lacks printed as escapes: one name must not hide a whole list."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_json(body: bytes) -> None:
    """Print JSON on stdout, indented; where the encoding lacks a character, with JSON's own escapes."""
    text = msgspec.json.format(body, indent=2).decode()
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = re.sub("[^\\x00-\\x7f]", lambda found: json.dumps(found[0])[1:-1], text)
    sys.stdout.write(text + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows on stdout: on a terminal as a table that fits it, else a line each, its cells separated by tabs.

    What cannot be printed is escaped, so that no name steers a terminal or makes a line of its own.
    """
    printable = [[_escaped(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in printable)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in printable:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    with console.capture() as printed:  # a reader that goes away is for `main` to tell
        console.print(table)
    sys.stdout.write(printed.get())


def print_fields(title: str, body: Struct) -> None:
    """Print every field of what the API answers, under the names that it has there."""
    print_table(title, ("field", "value"), [(name, _words(value)) for name, value in _flat(body)])


def say(text: str) -> None:
    """Print a sentence for people on stderr; stdout is for results."""
    line = (text + "\n").encode(sys.stderr.encoding, "backslashreplace")
    # A full disk or a closed pipe must not undo what was done, nor change the exit code.
    with contextlib.suppress(OSError):
        os.write(2, line)


def _flat(body: Struct) -> list[tuple[str, object]]:
    """Return names and values; an object that holds lists becomes a name for each of them."""
    fields: list[tuple[str, object]] = []
    for name, value in _members(msgspec.json.decode(msgspec.json.encode(body))).items():
        inner = _members(cast("object", value)) if isinstance(value, dict) else {}
        if any(isinstance(one, list) for one in inner.values()):
            fields += [(f"{name}.{key}", one) for key, one in inner.items()]
        else:
            fields.append((name, cast("object", value)))
    return fields


def _words(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(str, cast("list[object]", value)))
        case dict():
            return ", ".join(f"{key}:{one}" for key, one in _members(cast("object", value)).items())
        case _:
            return str(value)


def _members(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value)


def _escaped(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
