"""The page of settings is the table of settings."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_table() -> None:
    """docs/reference/settings.md is exactly what its program prints."""
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "settings_page.py"], check=True, capture_output=True, text=True
    )
    assert (ROOT / "docs" / "reference" / "settings.md").read_text() == made.stdout
