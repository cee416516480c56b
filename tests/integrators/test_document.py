"""Our OpenAPI document before linters and generators that need Node.js or Go."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.integrators.conftest import OAPI_CODEGEN, run
from tests.support.wire import send


@pytest.mark.timeout(600)
def test_spectral_finds_no_fault(start_server: StartServer, npm: Path, tmp_path: Path) -> None:
    """Spectral's rules for OpenAPI have no error and no warning to tell of `/openapi.json`."""
    (tmp_path / "openapi.json").write_bytes(send(start_server().url, "GET", "/openapi.json").body)
    (tmp_path / "rules.yaml").write_text('extends: ["spectral:oas"]\n')
    spectral = str(npm / "node_modules" / ".bin" / "spectral")
    run([spectral, "lint", "openapi.json", "--ruleset", "rules.yaml", "--fail-severity", "warn"], tmp_path)


@pytest.mark.timeout(600)
def test_a_client_for_go_compiles(start_server: StartServer, place: Callable[[str], Path]) -> None:
    """What oapi-codegen makes of `/openapi.json` is a package that Go builds."""
    folder = place("go")
    (folder / "openapi.json").write_bytes(send(start_server().url, "GET", "/openapi.json").body)
    run(["go", "mod", "init", "example"], folder)
    options = ["-generate", "types,client", "-package", "example", "-o", "client.go"]
    run(["go", "run", OAPI_CODEGEN, *options, "openapi.json"], folder)
    run(["go", "get", "./..."], folder)
    run(["go", "build", "./..."], folder)
