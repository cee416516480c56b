"""The pages, in a real browser."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.server import Server

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--dump-dom",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> str:
    """Give a browser of this machine."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found


@pytest.mark.parametrize("path", ["/", "/docs", "/errors", "/errors/40404", "/errors/invalid_client"])
def test_o10_a_browser_shows_the_page_and_refuses_nothing(
    browser: str, server: Server, path: str, tmp_path: Path
) -> None:
    """Every page is laid out by a browser under its own content security policy, which refuses nothing that it needs."""
    command = [browser, *FLAGS, f"--user-data-dir={tmp_path}", server.url + path]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert re.search("<h1>[^<]+</h1>", done.stdout)
    assert "Content Security Policy" not in done.stderr
    assert "Refused to" not in done.stderr
    assert "/docs/assets/style.css" in server.log
