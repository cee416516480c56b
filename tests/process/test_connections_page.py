"""The page of connections is the table of their states."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_table() -> None:
    """docs/reference/connections.md is exactly what its program prints."""
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "connections_page.py"], check=True, capture_output=True, text=True
    )
    assert (ROOT / "docs" / "reference" / "connections.md").read_text() == made.stdout
