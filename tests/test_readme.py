"""The README's commands, word for word, as a stranger would paste them."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.server import CLIENTRY
from tests.support.wire import send

ROOT = Path(__file__).parents[1]
BLOCKS: list[str] = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """Give a directory with the virtual environment that `make run` makes, and what its last line starts."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text() + "/.gitignore\n/.venv\n")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    port = 8080
    try:
        send(f"http://127.0.0.1:{port}", "GET", "/healthz")
        pytest.skip("something else listens on port 8080")
    except OSError:
        pass
    server = subprocess.Popen([CLIENTRY, "serve"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                send(f"http://127.0.0.1:{port}", "GET", "/readyz")
                break
            except OSError:
                time.sleep(0.05)
        yield tmp_path
    finally:
        server.terminate()
        server.wait(20)


def test_the_readme_can_be_pasted(checkout: Path) -> None:
    """Every command between `make run` and `make test` succeeds and shows what the text says, and git finds nothing to add."""
    assert (BLOCKS[0], BLOCKS[-1]) == ("make run\n", "make test\n")
    script = "set -e\n" + "\n".join(f"echo '== {number}'\n{block}" for number, block in enumerate(BLOCKS[1:-1]))
    done = subprocess.run(["sh", "-c", script], check=False, cwd=checkout, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    shown = done.stdout
    for expected in (
        "shown this once",
        '"next_page_url":""',
        '{"status":"ok"}',
        '"name":"Billing export, nightly"',
        '"token_lifetime":86400',
        '"status":403',
        '"status":404',
        "<title>API reference",
    ):
        assert expected in shown
    assert (checkout / "clientry-data" / "first-client.json").exists()
    left = subprocess.run(["git", "status", "--porcelain"], check=True, cwd=checkout, capture_output=True, text=True)
    assert left.stdout == ""


def test_make_run_ends_in_the_command_that_is_tested() -> None:
    """`make run` starts exactly `clientry serve`."""
    assert "exec $(BIN)/clientry serve\n" in (ROOT / "Makefile").read_text()
