"""Where the tools of integrators come from: npm and the Go module proxy, in the versions that are named here."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
GO_MODULES: Final = ("github.com/coreos/go-oidc/v3/oidc@v3.21.0",)
OAPI_CODEGEN: Final = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"


def run(command: list[str], folder: Path) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs(*programs: str) -> None:
    """Leave a test out where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="session")
def npm() -> Path:
    """Give a folder with the packages of npm."""
    needs("node", "npm")
    run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"], HERE)
    return HERE


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give what makes an empty folder from which the packages of a language are found."""

    def make(language: str) -> Path:
        made = tmp_path_factory.mktemp(language)
        if language == "js":
            (made / "node_modules").symlink_to(request.getfixturevalue("npm") / "node_modules")
        else:
            needs("go")
        return made

    return make
