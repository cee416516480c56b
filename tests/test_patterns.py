"""Every regular expression of the program, against texts that are made to have it try again and again."""

import importlib
import re
import time
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "server" / "src"
LENGTH = 16_384
MOST = 0.04
"""Seconds of processor time: far more than trying once for each character takes, far less than once for each pair."""

PARTS = (
    "a",
    "0",
    " ",
    "a ",
    "a@",
    "a.",
    "ab:cd,",
    "%61",
    "` - at `$",
    "/",
    "-_",
    "ü",
    "\t",
    '"',
    "=",
    "A0 basic ",
    "{x}",
    "v1",
)
ENDS = ("", "!", "\0", "\n", "` - at `$", "é")


def used() -> list[tuple[str, str, str]]:
    """Return module, name and method of each use of a compiled pattern."""
    found: list[tuple[str, str, str]] = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text()
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for name in re.findall(r"^(\w+)(?:: Final)? = re\.compile\(", text, re.MULTILINE):
            methods = re.findall(rf"\b{name}\.(fullmatch|match|search|sub|split|findall|finditer)\b", text)
            found += [(module, name, method) for method in dict.fromkeys(methods)]
    return found


def worst(pattern: "re.Pattern[Any]", method: str, length: int = LENGTH) -> tuple[float, str]:
    """Return how long the slowest of the texts took, and which it was; the first that takes too long is enough."""
    slowest = (0.0, "")
    for part in PARTS:
        for end in ENDS:
            text: Any = (part * (length // len(part)))[: length - len(end)] + end
            text = text.encode() if isinstance(pattern.pattern, bytes) else text
            run = getattr(pattern, method)
            started = time.thread_time()
            run(b"" if isinstance(text, bytes) else "", text) if method == "sub" else run(text)
            slowest = max(slowest, (time.thread_time() - started, repr(text[:20] + text[-5:])))
            if slowest[0] >= MOST:
                return slowest
    return slowest


def test_the_patterns_are_found() -> None:
    """The walk sees the forms of secrets, ids, scopes and addresses; so what follows is about something."""
    names = {(module.rpartition(".")[2], name) for module, name, _ in used()}
    assert {("secret", "_FORM"), ("identifier", "_ULID"), ("scope", "_SCOPE"), ("field", "_EMAIL")} <= names


@pytest.mark.parametrize(("module", "name", "method"), used())
def test_no_pattern_tries_again_and_again(module: str, name: str, method: str) -> None:
    """None takes longer than a text of this length can take that is looked at once: nobody's request holds up another's."""
    pattern = getattr(importlib.import_module(module), name)
    seconds, text = worst(pattern, method)
    assert seconds < MOST, text


@pytest.mark.parametrize(
    ("pattern", "length"), [(r"(a+)+$", 24), (r"(.*?)`(?: - at `(.*)`)?", LENGTH), (r"[a-z@]+@[a-z@]+!", LENGTH)]
)
def test_the_rule_about_patterns_sees_what_it_forbids(pattern: str, length: int) -> None:
    """The rule above can fail."""
    assert worst(re.compile(pattern), "fullmatch", length)[0] >= MOST
