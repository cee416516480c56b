"""The examples of the guide for resource servers that need Node.js or Go, with the libraries that they name."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.integrators.conftest import GO_MODULES, run
from tests.support.guide import example, tokens
from tests.support.registry import Registry, access_token

NODE_MAIN = """
import { createInterface } from "node:readline";
for await (const token of createInterface({ input: process.stdin })) console.log((await check(token)).status);
"""
GO_HEAD = """package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)
"""
GO_MAIN = """
func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		_, status := check(context.Background(), lines.Text())
		fmt.Println(status)
	}
}
"""


def in_node(folder: Path, code: str) -> list[str]:
    """Return the command that runs an example with Node.js."""
    (folder / "check.mjs").write_text(code + NODE_MAIN)
    return ["node", str(folder / "check.mjs")]


def in_go(folder: Path, code: str) -> list[str]:
    """Return the command that runs an example in Go."""
    (folder / "main.go").write_text(GO_HEAD + code + GO_MAIN)
    run(["go", "mod", "init", "example"], folder)
    run(["go", "get", *GO_MODULES], folder)
    run(["go", "build", "-o", "check", "."], folder)
    return [str(folder / "check")]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("language", "made"), [("js", in_node), ("go", in_go)])
def test_an_example_tells_good_tokens_bad_ones_and_outages_apart(
    start_server: StartServer,
    place: Callable[[str], Path],
    free_port: int,
    language: str,
    made: Callable[[Path, str], list[str]],
) -> None:
    """It answers as it should to every kind of token, and 503 while nobody listens where the keys are."""
    server = start_server()
    registry = Registry(server.url, server.admin)
    client = registry.create()
    wanted = tokens(registry, client)
    assert statuses(made(place(language), example(language, server.url)), list(wanted)) == list(wanted.values())
    outage = made(place(language), example(language, f"http://127.0.0.1:{free_port}"))
    assert statuses(outage, [access_token(server.url, client)]) == [503]


def statuses(command: list[str], asked: list[str]) -> list[int]:
    """Return what an example answers to each token."""
    done = subprocess.run(
        command, input="\n".join(asked) + "\n", check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]
