"""What commands print: the API's JSON for programs, tables for people."""

import sys
from collections.abc import Iterable, Sequence

import msgspec


def print_json(body: bytes) -> None:
    """Print JSON on stdout, indented."""
    sys.stdout.write(msgspec.json.format(body, indent=2).decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout; nothing in it is read as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def say(text: str) -> None:
    """Print a sentence for people on stderr; stdout is for results."""
    sys.stderr.write(text + "\n")
